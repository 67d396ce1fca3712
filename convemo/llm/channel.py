"""The llm channel: a language model's answers as scores, with a reason wherever there is none."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convemo.audio import Audio
from convemo.dialogue.voices import describe_voices
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.llm.base import Answer, Engine, Question
from convemo.llm.calibration import CALIBRATIONS, against_batch, against_null, normalised, pooled
from convemo.llm.prompt import Prompt
from convemo.llm.questions import Asked, Order, ask, nulls, orders
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo

NAME = "llm"
KEPT = 50_000
"""Answers that are kept, the latest: a stream asks again about what is near, and the empty questions are always the same."""
MOST_PERMUTATIONS = 100
SUM_TOLERANCE = 0.01
"""Room for probabilities that a server has rounded."""
RESTS = 10
"""A model that is not there is tried again after this many times what the last try took, so that tries cost little beside analyses."""


class LlmChannel:
    """Asks a language model about every utterance with words, in several orders of the options.

    All questions of a conversation go to the engine at once, which may compute them in any order: an answer depends on its question
    alone. Causal, as every channel: no question shows anything later.

    Args:
        engine: which answers.
        prompt: how it is asked.
        permutations: orders of the options to average over; ``None`` for as many as there are labels, each label in each place once.
        calibration: what is taken out before fusion: ``"none"``, ``"null"`` or ``"batch"`` (`convemo.llm.calibration`).
        seed: of orders beyond the cyclic shifts.

    Raises:
        ConfigError: a setting is out of its range.
    """

    name = NAME
    whole = True
    """A conversation is scored in one go, not part by part."""

    def __init__(
        self,
        engine: Engine,
        prompt: Prompt | None = None,
        *,
        permutations: int | None = None,
        calibration: str = "none",
        seed: int = 0,
    ):
        if permutations is not None and not 1 <= permutations <= MOST_PERMUTATIONS:
            raise ConfigError(f"1 to {MOST_PERMUTATIONS} permutations of the options", str(permutations))
        if calibration not in CALIBRATIONS:
            raise ConfigError(f"one of {', '.join(CALIBRATIONS)} as the llm's calibration", repr(calibration))
        self.engine, self.prompt, self.calibration = engine, prompt or Prompt.load(), calibration
        self.orders: tuple[Order, ...] = orders(len(self.prompt.labels), permutations, seed)
        self.labels: LabelSet = self.prompt.label_set
        self.notes: tuple[str, ...] = ()
        """What a reader of the last result must know."""
        self._how: Counter[str] = Counter()
        self._broke: str | None = None
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()

    @property
    def model(self) -> ModelInfo:
        """The engine's model, and how it was asked: another prompt is another channel, which fusion must be fitted on anew."""
        told = [self.engine.model.id or self.engine.id, self.prompt.name, f"k{len(self.orders)}"]
        told += [self.calibration] if self.calibration != "none" else []
        digest = hashlib.sha256("\n".join([*told, self.engine.model.sha256, self.prompt.sha256, repr(self.orders)]).encode())
        return ModelInfo("+".join(told), digest.hexdigest(), self.engine.model.licence)

    @property
    def listens(self) -> bool:
        """Whether it has use for the sound."""
        return self.prompt.voice

    @property
    def account(self) -> dict[str, Any]:
        """How the last result was made, for its provenance."""
        return {
            "engine": self.engine.id,
            "model": self.engine.model.id,
            "model_sha256": self.engine.model.sha256,
            "prompt": self.prompt.name,
            "prompt_sha256": self.prompt.sha256,
            "permutations": len(self.orders),
            "calibration": self.calibration,
            "answers": dict(sorted(self._how.items())),
        }

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on.

        Args:
            dialogue: who said what, in whatever language: the model must know it.
            audio: listened to only where the prompt tells of voices and nobody has described them yet.
            since: index of the first utterance to score.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities. A row without words, or without an answer, says why.
        """
        dialogue, notes = self._described(dialogue, audio)
        batch = self.calibration == "batch"  # which looks at all that was said before
        asked = list(ask(dialogue, self.prompt, self.orders, 0 if batch else since))
        empty = nulls(self.prompt, self.orders) if self.calibration == "null" and any(one.questions for one in asked) else []
        wanted = [question for several in empty for question in several] + [question for one in asked for question in one.questions]
        self._how, self._broke = Counter(), None
        answers = self._answers(wanted)
        null = self._null(empty, answers)
        scores = [self._score(one, answers, null) for one in asked]
        log_probs = np.array([np.zeros(len(self.labels)) if isinstance(s, str) else s for s in scores]).reshape(-1, len(self.labels))
        scored = [row for row, score in enumerate(scores) if not isinstance(score, str)]
        if batch and scored:
            log_probs[scored] = against_batch(log_probs[scored])
        reasons = tuple(score if isinstance(score, str) else None for score in scores)
        last = len(dialogue) - since
        broke = [self._broke] if self._broke else []
        self.notes = (*self.engine.notes, *broke, *notes, *self._notes(dialogue, asked, answers, reasons))
        return ChannelResult(self.name, self.labels, log_probs[len(asked) - last :], reasons[len(asked) - last :], model=self.model)

    def _described(self, dialogue: Dialogue, audio: Audio | None) -> tuple[Dialogue, list[str]]:
        """The dialogue with its voices, where the prompt tells of them and there is sound."""
        if not self.prompt.voice or any(u.voice is not None for u in dialogue):
            return dialogue, []
        if audio is None:
            return dialogue, [f"The prompt {self.prompt.name} tells how utterances sound, but no voice may be heard or there is no sound."]
        return describe_voices(dialogue, audio, range(len(dialogue))), []

    def _answers(self, questions: Sequence[Question]) -> dict[bytes, Answer]:
        """Fingerprint of each question → its answer; what was answered before is not asked again."""
        by_key = {_key(question): question for question in questions}
        found = {key: self._kept[key] for key in by_key if key in self._kept}
        new = [key for key in by_key if key not in found]
        if new:
            found |= zip(new, self._ask([by_key[key] for key in new]))
        for key, answer in found.items():
            if answer.reason is None:
                self._kept[key] = answer
                self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _ask(self, questions: list[Question]) -> list[Answer]:
        """The engine's answers, each seen to be one; an engine that breaks is a reason, never the end of an analysis."""
        try:
            answers = self.engine.answer(questions)
        except (EngineFailed, EngineUnavailable) as error:
            self._broke = f"The language model failed: {error}"  # with its hint, which a reason has no room for
            return [Answer(None, f"the language model failed: {error.found}", "")] * len(questions)
        if len(answers) != len(questions):
            return [Answer(None, f"the language model gave {len(answers)} answers to {len(questions)} questions", "")] * len(questions)
        return [_validated(question, answer) for question, answer in zip(questions, answers)]

    def _null(self, empty: Sequence[Sequence[Question]], answers: dict[bytes, Answer]) -> list[np.ndarray | str]:
        """For each order the logarithm of the mean answer to nothing, or why there is none; nothing if it is not taken out."""
        found: list[np.ndarray | str] = []
        for several in empty:
            given = [answers[_key(question)] for question in several]
            reason = next((answer.reason for answer in given if answer.reason is not None), None)
            found.append(reason or np.log(np.mean([np.exp(answer.log_probs) for answer in given], axis=0)))
        return found

    def _score(self, asked: Asked, answers: dict[bytes, Answer], null: list[np.ndarray | str]) -> np.ndarray | str:
        """Log-probabilities ``(K,)`` of one utterance, in label order, or why there are none.

        At least half of the orders must have been answered: a mean over fewer leans to the labels that stood in good places.
        """
        if asked.reason is not None:
            return asked.reason
        opinions, reasons = [], []
        for place, question in enumerate(asked.questions):
            answer = answers[_key(question)]
            if answer.reason is None and null and isinstance(null[place], str):
                answer = Answer(None, f"no answer to the empty question: {null[place]}", answer.how)
            if answer.reason is not None:
                reasons.append(answer.reason)
                continue
            self._how[answer.how] += 1
            log_probs = against_null(answer.log_probs, null[place]) if null else answer.log_probs
            opinions.append(log_probs[[question.labels.index(label) for label in self.labels]])
        return pooled(opinions) if 2 * len(opinions) >= len(asked.questions) else reasons[0]

    def _notes(
        self, dialogue: Dialogue, asked: Sequence[Asked], answers: dict[bytes, Answer], reasons: Sequence[str | None]
    ) -> Iterator[str]:
        unanswered = Counter(reason for one, reason in zip(asked, reasons) if one.questions and reason is not None)
        for reason, count in unanswered.most_common(1):
            words = sum(bool(one.questions) for one in asked)
            yield f"The language model judged {words - unanswered.total()} of {words} utterances with words. Of {count}: {reason}."
        lacking = [sum(answers[_key(q)].reason is not None for q in one.questions) for one in asked]
        if some := sum(count > 0 and 2 * (len(one.questions) - count) >= len(one.questions) for one, count in zip(asked, lacking)):
            yield f"{_utterances(some)} got fewer than {len(self.orders)} orders: the language model left questions open."
        if cut := sum(len(dialogue[one.index].text or "") > self.prompt.longest for one in asked if one.questions):
            yield f"{_utterances(cut)} reached the language model without their middle: it reads {self.prompt.longest} characters at most."


class Unavailable:
    """The channel of a language model that is not there: every row says so.

    Args:
        why: what is missing.
        prompt: how it would have been asked.
        took_s: how long it took to find that out.
    """

    name = NAME

    def __init__(self, why: EngineUnavailable, prompt: Prompt, took_s: float = 0.0):
        self._again = time.monotonic() + RESTS * took_s
        self.labels, self.model = prompt.label_set, ModelInfo("")
        self.notes = (f"The llm channel has no scores: {why}",)
        self._reason = f"the language model is unavailable: {why.found}"

    @property
    def rested(self) -> bool:
        """Whether it is time to see if the model is there by now."""
        return time.monotonic() >= self._again

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Not one score."""
        count = len(dialogue) - since
        return ChannelResult(self.name, self.labels, np.zeros((count, len(self.labels))), (self._reason,) * count)


def _utterances(count: int) -> str:
    return f"{count} utterance{'s' * (count != 1)}"


def _validated(question: Question, answer: Answer) -> Answer:
    """The answer if it is one to this question, its probabilities normalised and in bounds; else one that says what is wrong."""
    if answer.reason is not None or answer.log_probs is None:
        return replace(answer, log_probs=None, reason=answer.reason or "the language model gave no answer")
    log_probs = np.asarray(answer.log_probs, dtype=np.float64)
    if log_probs.shape != (len(question.options),) or np.isnan(log_probs).any() or not np.isfinite(log_probs).any():
        return replace(answer, log_probs=None, reason="the language model's answer is not one probability for each option")
    if abs(np.exp(log_probs).sum() - 1) > SUM_TOLERANCE:
        return replace(answer, log_probs=None, reason="the language model's probabilities do not sum to 1")
    return replace(answer, log_probs=normalised(log_probs))


def _key(question: Question) -> bytes:
    """A fingerprint of a question: of all that is sent, and what the options stand for."""
    parts = (question.static, *question.history, question.target, *question.options, *question.labels)
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()
