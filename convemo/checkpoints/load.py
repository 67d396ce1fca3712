"""A checkpoint's network in memory: nothing of it can run code, no part of it is left to chance.

transformers and torch are imported here alone, when a network is loaded. Weights are safetensors unless a pickle was asked for;
code that comes with a checkpoint is never run (``trust_remote_code``); a head that the checkpoint lacks is an error, where
transformers would fill it with random numbers and go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal

from convemo.audio.torchaudio import mend_torchaudio
from convemo.checkpoints.folder import Checkpoint, find
from convemo.checkpoints.spec import CheckpointSpec
from convemo.errors import ConvemoError, EngineUnavailable
from convemo.registry import Availability

Task = Literal["text", "acoustic"]
INSTALL = "pip install 'convemo[transformers]'"
PACKAGES = ("torch", "transformers", "safetensors")
ENDS = {"text": ("ForSequenceClassification",), "acoustic": ("ForSequenceClassification", "ForAudioClassification")}
"""How the classes of such models are named, among a config's ``architectures``."""
WHAT = {"text": "a sequence classifier", "acoustic": "an audio classifier"}
HEADS = ("classifier", "score", "projector", "pre_classifier", "classification_head", "layer_weights", "pooler")
"""Parts of a network that are made for its labels."""
HARMLESS = ("masked_spec_embed",)
"""Used in pre-training alone, and so missing from some checkpoints."""


def availability(task: Task, argument: str | None, offline: bool) -> Availability:
    """Whether such a channel can be used here; with an argument, whether that checkpoint is here. Nothing heavy is imported."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        return Availability(False, f"{' and '.join(missing)} not installed", INSTALL)
    if argument is None:
        return Availability(
            True, f"any {WHAT[task].removeprefix('a ').removeprefix('an ')} of Hugging Face: {task}='transformers:PATH_OR_ID'"
        )
    try:
        spec = CheckpointSpec.parse(argument)
        checkpoint = find(spec.name, offline=True, pickle=spec.pickle)
        check_task(checkpoint, task)
    except ConvemoError as error:
        later = "" if offline or "offline" not in error.expected else "; fetched at first use, if there is network"
        return Availability(False, f"expected {error.expected}, found {error.found}{later}", error.hint)
    return Availability(True, f"{checkpoint.name}, {checkpoint.licence} licence")


def require_packages() -> None:
    """Raises EngineUnavailable where torch, transformers or safetensors is not installed."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise EngineUnavailable(f"{', '.join(PACKAGES)} to be installed", f"no {', no '.join(missing)}", f"Install them: `{INSTALL}`.")


def check_task(checkpoint: Checkpoint, task: Task) -> None:
    """Raises EngineUnavailable if the checkpoint is, by its own account, a network for something else."""
    architectures = checkpoint.config.get("architectures")
    architectures = architectures if isinstance(architectures, list) else []
    if not any(str(name).endswith(ENDS[task]) for name in architectures):
        found = f"{', '.join(map(str, architectures)) or 'no architecture named'} in its config.json"
        hint = f"Choose a checkpoint fine-tuned to tell emotions, or make one of it: convemo train {task} --init transformers:PATH."
        raise EngineUnavailable(f"{WHAT[task]} in {checkpoint.folder}", found, hint)


def load_model(checkpoint: Checkpoint, task: Task, labels: tuple[str, ...] | None = None) -> Any:
    """The network, on the processor, in float32, ready to be asked.

    Args:
        checkpoint: where it is.
        task: what it is for.
        labels: makes a new head for these, to be trained; ``None`` takes the checkpoint's own.

    Raises:
        EngineUnavailable: a package is missing, the files are damaged, or the checkpoint is for something else.
    """
    require_packages()
    if labels is None:
        check_task(checkpoint, task)
    transformers = import_transformers()
    import torch

    factory = transformers.AutoModelForSequenceClassification if task == "text" else transformers.AutoModelForAudioClassification
    head = {}
    if labels is not None:
        ids = {i: label for i, label in enumerate(labels)}
        head = {"num_labels": len(labels), "id2label": ids, "label2id": {label: i for i, label in ids.items()}}
        head |= {"ignore_mismatched_sizes": True, "problem_type": "single_label_classification"}
    try:
        with quiet(transformers):
            model, info = factory.from_pretrained(
                str(checkpoint.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=not checkpoint.pickle,
                output_loading_info=True,
                **head,
            )
    except Exception as error:  # safetensors', transformers' and torch's errors share no base
        found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        hint = "If the files are damaged, copy or fetch them again; if the architecture is new, `pip install -U transformers`."
        raise EngineUnavailable(f"{WHAT[task]} in {checkpoint.folder}", found, hint) from error
    missing = [str(name) for name in info["missing_keys"] if not str(name).endswith(HARMLESS)]
    if labels is not None:
        missing = [name for name in missing if not set(name.split(".")) & set(HEADS)]
    if missing or (labels is None and info.get("mismatched_keys")):
        found = (
            f"no {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
            if missing
            else "weights of other sizes than its config.json says"
        )
        hint = "Its head was made by code of its own, which is never run, or it has none: choose another, or train one (convemo train)."
        raise EngineUnavailable(f"the weights of the whole network in {checkpoint.folder}", found, hint)
    return model.to(torch.float32).eval()


def place(model: Any, device: str, dtype: str) -> Any:
    """The network on a device, in a precision.

    Args:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        dtype: see `spec.Precision`.

    Raises:
        EngineUnavailable: there is no such device.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return model.to(device, getattr(torch, dtype))
    except (RuntimeError, AssertionError) as error:
        raise EngineUnavailable(f"the device {device!r} for torch", str(error).splitlines()[0], "Pass device='cpu'.") from error


def load_processor(checkpoint: Checkpoint, task: Task) -> Any:
    """The tokenizer, or the feature extractor, that belongs to the network.

    Raises:
        EngineUnavailable: its files are missing or damaged.
    """
    transformers = import_transformers()
    factory = transformers.AutoTokenizer if task == "text" else transformers.AutoFeatureExtractor
    try:
        with quiet(transformers):
            processor = factory.from_pretrained(str(checkpoint.folder), local_files_only=True, trust_remote_code=False)
        if task == "text" and len(processor.get_vocab()) <= len(processor.all_special_tokens):
            raise ValueError(
                "no vocabulary"
            )  # transformers 5 makes an empty tokenizer where the files are missing, and reads no word with it
        if task == "text" and int(checkpoint.config.get("type_vocab_size") or 0) < 2:  # a tokenizer may name segments that it cannot tell
            processor.model_input_names = [name for name in processor.model_input_names if name != "token_type_ids"]
        return processor
    except Exception as error:
        what, file = ("a tokenizer", "tokenizer.json") if task == "text" else ("a feature extractor", "preprocessor_config.json")
        found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        hint = f"Copy {file} from the checkpoint that this one was made of; some need `pip install sentencepiece tiktoken protobuf`."
        raise EngineUnavailable(f"{what} in {checkpoint.folder}", found, hint) from error


def import_transformers() -> Any:
    """The package, with torchaudio mended before.

    Raises:
        EngineUnavailable: it is not installed, or does not load.
    """
    require_packages()
    mend_torchaudio()
    try:
        import transformers
    except Exception as error:
        raise EngineUnavailable("transformers to load", f"{type(error).__name__}: {error}", f"Install it again: `{INSTALL}`.") from error
    return transformers


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keeps reports and bars off the terminal while something loads: what they would say is checked here."""
    logging = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
