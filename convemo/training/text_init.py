"""What a text training starts from: an encoder in Hugging Face form, or a text model that `convemo train text` made.

A model folder holds no float32 weights, but it holds the network: its int8 weights, each times its scale, are float32 weights again, off
by at most half a step of 127. That is nothing beside what a training changes, and so whoever has the package can train on from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convemo.dialogue.transformer import DialogueTransformer
from convemo.errors import ConfigError, EngineUnavailable
from convemo.text.channel import DIALOGUE_NETWORK, NETWORK, SHIPPED, TOKENIZER
from convemo.text.model import TextModel, empty_encoder, encoder_folder, read_encoder
from convemo.training.text_config import TextConfig
from convemo.training.text_state import BEST
from convemo.weights import MANIFEST, load_manifest

if TYPE_CHECKING:
    import onnx

MINILM = {
    "model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2, "pad_token_id": 0,
}  # fmt: skip
"""The shape of the encoder in model folders that do not state it."""
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Start:
    """What to begin with."""

    id: str
    """For the log and the card."""
    tokenizer_file: Path
    folder: Path | None = None
    """An encoder in Hugging Face form, or …"""
    shape: Mapping[str, Any] = field(default_factory=dict)
    """… the shape of one,"""
    state: Mapping[str, torch.Tensor] = field(default_factory=dict, repr=False)
    """and the weights of a whole text model, by the names of `TextModel`."""
    labels: Sequence[str] = ()
    dimensions: Sequence[str] = ()
    licence: str = "Apache-2.0"
    trained_on: Sequence[str] = ()

    def tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.tokenizer_file))

    def mask_id(self) -> int:
        """The token that stands for a dropped word: what the encoder's own pre-training put for one, if its vocabulary has it."""
        tokenizer = self.tokenizer()
        found = (tokenizer.token_to_id(token) for token in ("[MASK]", "<mask>", "[UNK]", "<unk>"))
        return next((id for id in found if id is not None), 0)

    def knows_dimensions(self, dimensions: Sequence[str]) -> bool:
        return bool(dimensions) and tuple(self.dimensions) == tuple(dimensions)

    def model(self, settings: TextConfig, labels: Sequence[str], dimensions: Sequence[str]) -> TextModel:
        """The model at the beginning: the encoder's weights, those of every label and dimension that are known, and new ones else."""
        encoder = read_encoder(self.folder, settings.dropout) if self.folder else empty_encoder(self.shape, settings.dropout)
        dialogue = new_dialogue(settings, encoder.config.hidden_size)
        model = TextModel(encoder, len(labels), len(dimensions), settings.dropout, dialogue)
        state, known = model.state_dict(), dict(self.state)
        for name in ("label_head.weight", "label_head.bias"):
            if name in known:
                known[name] = _rows(state[name], known[name], labels, self.labels)
        if not self.knows_dimensions(dimensions):
            known = {name: tensor for name, tensor in known.items() if not name.startswith("dimension_")}
        fitting = {name: tensor for name, tensor in known.items() if name in state and state[name].shape == tensor.shape}
        lacking = [name for name in state if name.startswith("encoder.embeddings.word") and name not in fitting]
        if self.state and lacking:
            raise ConfigError(f"an encoder in {self.id}", f"none that fits: no {lacking[0]}", "Start from another model.")
        model.load_state_dict(state | fitting)
        return model


def new_dialogue(settings: TextConfig, width: int) -> DialogueTransformer | None:
    """The dialogue transformer that the config asks for; ``None`` if it asks for none."""
    if settings.context != "dialogue":
        return None
    layers = settings.dialogue_layers
    return DialogueTransformer(width, layers, settings.dialogue_heads, settings.turns // layers, settings.dropout, hidden=2 * width)


def _rows(new: torch.Tensor, old: torch.Tensor, labels: Sequence[str], known: Sequence[str]) -> torch.Tensor:
    """The new rows, with the old one of every label that was known before."""
    new = new.clone()
    for row, label in enumerate(labels):
        if label in known:
            new[row] = old[list(known).index(label)]
    return new


def starting_point(settings: TextConfig, init: str | None) -> Start:
    """What to begin with.

    Args:
        settings: name the encoder that is taken without `init`.
        init: ``"default"`` for the shipped model, or a folder: a model's, or a run's, whose float32 weights are then taken.

    Raises:
        EngineUnavailable: there is no such model or encoder, or what it needs is not installed.
    """
    if init is None:
        folder = encoder_folder(settings.encoder)
        return Start("all-MiniLM-L6-v2" if settings.encoder is None else folder.name, folder / TOKENIZER, folder)
    given = SHIPPED if init == DEFAULT else Path(init)
    folder = given if (given / MANIFEST).is_file() else given / "model"
    model = load_manifest(folder)
    if model.channel != "text" or not {NETWORK, TOKENIZER} <= set(model.files):
        hint = "Name a folder that `convemo train text` made."
        raise EngineUnavailable(f"a model of the text channel in {folder}", f"one for {model.channel!r}", hint)
    files = [folder / name for name in (NETWORK, DIALOGUE_NETWORK) if name in model.files]
    exact = given / BEST
    state = _read_safetensors(exact) if exact.is_file() and folder != given else widened(files)
    return Start(
        model.id,
        folder / TOKENIZER,
        shape=model.manifest.get("encoder", MINILM),
        state=state,
        labels=tuple(model.labels or ()),
        dimensions=tuple(model.manifest.get("dimensions", ())),
        licence=model.licence,
        trained_on=tuple(model.manifest.get("trained_on", ())),
    )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(str(path))


def widened(files: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The weights of a text model in float32, by their names in `TextModel`, from the ONNX files that it was exported to.

    The tracer keeps the names of biases and tables but not of matrices; a matrix is known by the bias that is added to its product.
    """
    import onnx

    state: dict[str, torch.Tensor] = {}
    for file in files:
        graph = onnx.load(str(file)).graph
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for name, values in _named(graph, stored).items():
            state[name.removeprefix("model.")] = torch.from_numpy(np.array(values, dtype=np.float32))
    return state


def _named(graph: onnx.GraphProto, stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameter → its values, widened, in the shape that torch has them in."""
    named = {name: values for name, values in stored.items() if name.startswith("model.") and values.dtype == np.float32}
    for name in [name for name in stored if name.startswith("model.")]:
        for suffix in (".int8", "_quantized"):
            if name.endswith(suffix) and (values := widen(name.removesuffix(suffix), stored)) is not None:
                named[name.removesuffix(suffix)] = values
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for source in node.input:
            readers.setdefault(source, []).append(node)
    for node in graph.node:
        if node.op_type not in ("MatMul", "MatMulInteger", "DynamicQuantizeMatMul"):
            continue
        weight = node.input[1].removesuffix(".int8").removesuffix("_quantized")
        values = stored.get(weight) if weight in stored else widen(weight, stored)
        bias = _bias_after(node, readers, stored)
        if values is not None and bias is not None and values.ndim == 2:
            named[f"{bias.removesuffix('.bias')}.weight"] = values.T
    parts = {name + part for name in named for part in (".scale", "_scale", "_zero_point") if name not in stored}
    return {name: values for name, values in named.items() if name not in parts}


def _bias_after(node: Any, readers: Mapping[str, list[Any]], stored: Mapping[str, np.ndarray]) -> str | None:
    """The bias that is added to what this node gives, past the rescaling of an int8 product."""
    if node.op_type == "DynamicQuantizeMatMul":
        return next((name for name in node.input if name.endswith(".bias") and name in stored), None)
    for _ in range(4):
        following = readers.get(node.output[0], [])
        adds = [
            name for reader in following if reader.op_type == "Add" for name in reader.input if name.endswith(".bias") and name in stored
        ]
        if adds:
            return adds[0]
        node = next((reader for reader in following if reader.op_type in ("Cast", "Mul")), None)
        if node is None:
            return None
    return None


def widen(name: str, stored: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """A weight stored as int8 beside its scale, in float32; ``None`` if it is not stored so.

    >>> widen("w", {"w.int8": np.array([[127, -64]], dtype=np.int8), "w.scale": np.array([[0.5]], dtype=np.float32)}).tolist()
    [[63.5, -32.0]]
    """
    for values, scale, zero in ((".int8", ".scale", ""), ("_quantized", "_scale", "_zero_point")):
        if name + values in stored and name + scale in stored:
            offset = stored[name + zero].astype(np.float32) if zero and name + zero in stored else np.float32(0)
            return ((stored[name + values].astype(np.float32) - offset) * stored[name + scale]).astype(np.float32)
    return None
