"""The text channel: reads the emotion expressed in the words of each utterance, offline, on a CPU, in milliseconds.

The network is `text.model` as ONNX, in int8 arithmetic. It reads one utterance at a time, several at once on as many threads: in a batch,
padding and neighbours move a score, and alone an utterance is encoded the same in a file, in a stream and in any company. What was said
before enters as the model folder says (`text.reading`), never from further back than 32 utterances, so scoring from `since` on gives the
rows that scoring from the beginning gives.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo import weights
from convemo.errors import EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.text.reading import Reading, TokenReader
from convemo.types import LABELS, ChannelResult, Dialogue, LabelSet, ModelInfo, Speaker, Utterance

if TYPE_CHECKING:
    from convemo.audio import Audio

NETWORK = "model.int8.onnx"
DIALOGUE_NETWORK = "dialogue.onnx"
"""Beside the encoder where the context is ``"dialogue"``."""
TOKENIZER = "tokenizer.json"
LANGUAGE = "en"
SHIPPED = weights.ROOT / "text"
KEPT = 4096
"""Encoded texts that are kept, the latest: a stream comes back to the last ones, and people say "okay" again and again."""
MOST_THREADS = 4
FEW = 8
"""So few utterances are not worth starting threads."""
BLOCK = 128
"""Utterances that the dialogue transformer is given at once, besides what it looks back at: its cost grows with the square."""


class TextChannel:
    """Scores utterances by what was said.

    Args:
        argument: a model folder made by ``convemo train text``; ``None`` for the one in the package.
        threads: how many utterances are read at the same time, each on one processor thread, for a single sentence is too little to
            share out. As many as this process may use if not given, `MOST_THREADS` at most; the scores are the same.

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
        self.reading = Reading.from_manifest(model.manifest)
        self._reader = TokenReader(Tokenizer.from_file(str(model.path(TOKENIZER))), self.reading)
        self._threads = threads or min(MOST_THREADS, _processors())
        self._kept: OrderedDict[tuple[bytes, ...], Any] = OrderedDict()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        files = (NETWORK, DIALOGUE_NETWORK) if self.reading.context == "dialogue" else (NETWORK,)
        self._networks = {
            file: onnxruntime.InferenceSession(str(model.path(file)), options, providers=["CPUExecutionProvider"]) for file in files
        }

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
        """Scores the utterances from index `since` on, each by its text and by as much of what was said before as the model reads.

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
        wanted = [since + i for i, reason in enumerate(reasons) if reason is None]
        log_probs = np.zeros((len(utterances), len(self.labels)))
        dimensions = np.full((len(utterances), len(self.dimensions)), np.nan)
        rows = [i - since for i in wanted]
        log_probs[rows], dimensions[rows] = self._score(dialogue, wanted)
        return ChannelResult(
            channel=self.name,
            labels=self.labels,
            log_probs=log_probs,
            reasons=reasons,
            dimensions={name: dimensions[:, column] for column, name in enumerate(self.dimensions)},
            model=self.model,
        )

    def score(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities ``(N, K)`` and dimensions ``(N, D)`` of texts that belong to no conversation, whatever they hold.

        A text longer than the network reads at once is read window by window, no word is left out: it is scored by the mean of the
        windows' log-probabilities (their product of experts) or, before a dialogue transformer, by the mean of their vectors, each
        weighed by its length.
        """
        scored = [self._score(Dialogue("", (Utterance("", "", text),), (Speaker(""),)), [0]) for text in texts]
        log_probs, dimensions = (np.concatenate(columns) for columns in zip(*scored)) if scored else self._nothing()
        return log_probs, dimensions

    def _nothing(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((0, len(self.labels))), np.zeros((0, len(self.dimensions)))

    def score_dialogue(self, dialogue: Dialogue) -> tuple[np.ndarray, np.ndarray]:
        """The same of every utterance of a dialogue, also those without a word: for measuring a model, which leaves nothing out."""
        return self._score(dialogue, range(len(dialogue)))

    def _score(self, dialogue: Dialogue, wanted: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities and dimensions of the utterances with these indices, in order."""
        if not wanted:
            return self._nothing()
        if self.reading.context == "dialogue":
            return self._converse(dialogue, wanted)
        scored = self._each([self._windows(dialogue, i) for i in wanted], self._pooled)
        log_probs, dimensions = zip(*scored)
        return np.stack(log_probs), np.stack(dimensions)

    def _converse(self, dialogue: Dialogue, wanted: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """By the dialogue transformer over the utterances' vectors, block by block, each with all that its rows can see."""
        numbers = {speaker.id: number for number, speaker in enumerate(dialogue.speakers)}
        speakers = np.array([numbers[u.speaker] for u in dialogue], dtype=np.int64)
        log_probs, dimensions = [], []
        for first in range(wanted[0], len(dialogue), BLOCK):
            rows = [i for i in wanted if first <= i < first + BLOCK]
            if not rows:
                continue
            start = max(0, first - self.reading.turns)
            vectors = np.stack(self._each([self._windows(dialogue, i) for i in range(start, rows[-1] + 1)], self._encoded))
            inputs = {"vectors": vectors[None], "speakers": speakers[None, start : rows[-1] + 1]}
            scores, values = self._run(DIALOGUE_NETWORK, ["log_probs", "dimensions"], inputs)
            chosen = [i - start for i in rows]
            log_probs.append(scores[0, chosen].astype(np.float64))
            dimensions.append(values[0, chosen, : len(self.dimensions)].astype(np.float64))
        return np.concatenate(log_probs), np.concatenate(dimensions)

    def _windows(self, dialogue: Dialogue, index: int) -> list[dict[str, np.ndarray]]:
        """What the encoder is given of one utterance: one set of inputs, or, of a long text, several."""
        said, name, speaker = self._said(dialogue, index)
        if self.reading.context != "cross-encoder":
            return [{"input_ids": ids} for ids in self._reader.alone(said, name)]
        earlier = (self._said(dialogue, i) for i in range(max(0, index - self.reading.turns), index))
        before = [(tokens, whose, who == speaker) for tokens, whose, who in earlier]
        return [{"input_ids": ids, "target_mask": mask} for ids, mask in self._reader.in_context(said, name, before)]

    def _said(self, dialogue: Dialogue, index: int) -> tuple[np.ndarray, np.ndarray, str]:
        utterance = dialogue[index]
        name = (dialogue.speaker(utterance.speaker).name or utterance.speaker) if self.reading.names else ""
        return self._reader.tokens(utterance.text or ""), self._reader.name_tokens(name), utterance.speaker

    def _each(self, utterances: list[list[dict[str, np.ndarray]]], compute: Callable[[list[dict[str, np.ndarray]]], Any]) -> list[Any]:
        """What was computed of the same tokens before, or is now, for each of these utterances (their windows)."""
        keys = [tuple(array.tobytes() for window in windows for array in window.values()) for windows in utterances]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        new = {key: windows for key, windows in zip(keys, utterances) if key not in found}
        if self._threads > 1 and len(new) >= FEW:
            with ThreadPoolExecutor(self._threads) as pool:  # onnxruntime lets go of the interpreter lock while it computes
                found |= zip(new, pool.map(compute, new.values()))
        else:
            found |= {key: compute(windows) for key, windows in new.items()}
        for key in keys:
            self._kept[key] = found[key]
            self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return [found[key] for key in keys]

    def _pooled(self, windows: list[dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities ``(K,)`` and dimensions ``(D,)`` of one utterance, from all its windows."""
        scored = [self._run(NETWORK, ["log_probs", "dimensions"], _batch_of_one(window)) for window in windows]
        lengths = [len(window["input_ids"]) for window in windows]
        pooled = np.average([scores[0].astype(np.float64) for scores, _ in scored], axis=0, weights=lengths)  # (K,)
        if len(windows) > 1:
            pooled = pooled - np.log(np.exp(pooled).sum())
        values = np.average([values[0].astype(np.float64) for _, values in scored], axis=0, weights=lengths)
        return pooled, values[: len(self.dimensions)]

    def _encoded(self, windows: list[dict[str, np.ndarray]]) -> np.ndarray:
        """The vector ``(W,)`` of one utterance, from all its windows."""
        vectors = [self._run(NETWORK, ["vectors"], _batch_of_one(window))[0][0] for window in windows]
        return np.average(vectors, axis=0, weights=[len(window["input_ids"]) for window in windows]).astype(np.float32)

    def _run(self, network: str, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        try:
            return self._networks[network].run(outputs, inputs)
        except Exception as error:  # onnxruntime's own errors share no base but this
            raise EngineFailed("the text network to run", f"{type(error).__name__}: {error}", "Install convemo again.") from error


def _batch_of_one(window: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    inputs = {name: array[None].astype(np.int64) for name, array in window.items()}  # (1, T)
    return inputs | {"attention_mask": np.ones_like(inputs["input_ids"])}


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load_model(folder: str | None) -> weights.ShippedModel:
    model = weights.load_manifest(Path(folder) if folder else SHIPPED)
    needed = {NETWORK, TOKENIZER} | ({DIALOGUE_NETWORK} if Reading.from_manifest(model.manifest).context == "dialogue" else set())
    missing = needed - set(model.files)
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
