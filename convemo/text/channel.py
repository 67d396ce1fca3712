"""The text channel: reads the emotion expressed in the words of each utterance, offline, on a CPU, in milliseconds.

The network is `text.model` as ONNX, its weights stored as int8. It reads one utterance at a time: in a batch, padding and neighbours
move the last digits of a score, and alone an utterance scores the same in a file, in a stream and in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convemo import weights
from convemo.errors import EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.types import LABELS, ChannelResult, Dialogue, LabelSet, ModelInfo, Utterance

if TYPE_CHECKING:
    from convemo.audio import Audio

NETWORK = "model.int8.onnx"
TOKENIZER = "tokenizer.json"
LANGUAGE = "en"
SHIPPED = weights.ROOT / "text"


class TextChannel:
    """Scores utterances by what was said.

    Args:
        argument: a model folder made by ``convemo train text``; ``None`` for the one in the package.
        threads: processor threads, 1 if not given: a single sentence is too little to share out.

    Raises:
        EngineUnavailable: the model folder is missing, damaged, or serves another channel; or onnxruntime is not installed.
    """

    name = "text"

    def __init__(self, argument: str | None = None, *, threads: int | None = None):
        model = _load_model(argument)
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EngineUnavailable("onnxruntime and tokenizers", str(error), "Run `pip install onnxruntime tokenizers`.") from error
        self.labels: LabelSet = model.labels or LABELS
        self.dimensions: tuple[str, ...] = tuple(model.manifest.get("dimensions", ()))
        self.model: ModelInfo = model.info(NETWORK)
        self._tokenizer = Tokenizer.from_file(str(model.path(TOKENIZER)))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(model.manifest.get("max_tokens", 128)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model.path(NETWORK)), options, providers=["CPUExecutionProvider"])

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether the channel can be used here. Its weights are in the package, so `offline` changes nothing."""
        for package in ("onnxruntime", "tokenizers"):
            if find_spec(package) is None:
                return Availability(False, f"{package} is not installed", f"pip install {package}")
        try:
            _load_model(model)
        except EngineUnavailable as error:
            return Availability(False, str(error), "pip install --force-reinstall convemo" if model is None else error.hint)
        return Availability(True)

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on, each by its own text.

        Args:
            dialogue: who said what.
            audio: not listened to.
            since: index of the first utterance to score.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities, and the dimensions that the model was taught, in
            ``[-1, 1]``. Rows without words, or not in English, carry that as their reason.

        Raises:
            EngineFailed: the network broke.
        """
        utterances = dialogue.utterances[since:]
        reasons = tuple(_reason(utterance, dialogue.language) for utterance in utterances)
        readable = [i for i, reason in enumerate(reasons) if reason is None]
        log_probs = np.zeros((len(utterances), len(self.labels)))
        dimensions = np.full((len(utterances), len(self.dimensions)), np.nan)
        log_probs[readable], dimensions[readable] = self.score([utterances[i].text or "" for i in readable])
        return ChannelResult(
            channel=self.name,
            labels=self.labels,
            log_probs=log_probs,
            reasons=reasons,
            dimensions={name: dimensions[:, column] for column, name in enumerate(self.dimensions)},
            model=self.model,
        )

    def score(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities ``(N, K)`` and dimensions ``(N, D)`` of texts, whatever they hold; equal texts are read once.

        A text longer than the network reads at once is read window by window, and scored by the mean of the windows' log-probabilities
        (their product of experts), each weighed by its length: no word is left out.
        """
        log_probs = np.zeros((len(texts), len(self.labels)))
        dimensions = np.zeros((len(texts), len(self.dimensions)))
        first: dict[str, int] = {}
        for row, text in enumerate(texts):
            known = first.setdefault(text, row)
            if known != row:
                log_probs[row], dimensions[row] = log_probs[known], dimensions[known]
                continue
            encoded = self._tokenizer.encode(text)
            windows = [encoded, *encoded.overflowing]
            scores, values = zip(*(self._run(window.ids) for window in windows))
            lengths = [len(window.ids) for window in windows]
            pooled = np.average(scores, axis=0, weights=lengths)  # (K,)
            log_probs[row] = pooled - np.log(np.exp(pooled).sum()) if len(windows) > 1 else pooled
            dimensions[row] = np.average(values, axis=0, weights=lengths)
        return log_probs, dimensions

    def _run(self, token_ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities ``(K,)`` and dimensions ``(D,)`` of one window of tokens."""
        ids = np.array([token_ids], dtype=np.int64)  # (1, T)
        try:
            scores, values = self._session.run(["log_probs", "dimensions"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        except Exception as error:  # onnxruntime's own errors share no base but this
            raise EngineFailed("the text network to run", f"{type(error).__name__}: {error}", "Install convemo again.") from error
        return scores[0].astype(np.float64), values[0, : len(self.dimensions)].astype(np.float64)


def _load_model(folder: str | None) -> weights.ShippedModel:
    model = weights.load_manifest(Path(folder) if folder else SHIPPED)
    missing = {NETWORK, TOKENIZER} - set(model.files)
    if model.channel != "text" or missing:
        found = f"one for {model.channel!r}" if model.channel != "text" else f"one without {', '.join(sorted(missing))}"
        raise EngineUnavailable(f"a model of the text channel in {model.folder}", found, "Name a folder that `convemo train text` made.")
    return model


def _reason(utterance: Utterance, language: str | None) -> str | None:
    """Why this utterance cannot be read; ``None`` if it can."""
    text = (utterance.text or "").strip()
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return "no words" if text else "no text"
    if language and language.lower().replace("_", "-").split("-")[0] != LANGUAGE:
        return f"the text model reads English; this transcript is in {language!r}"
    if sum(not character.isascii() for character in letters) * 2 > len(letters):
        return "the text model reads English; this text is in another script"
    return None
