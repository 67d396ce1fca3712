"""Conversations whose truth is known: labels that stick to their speaker, and channels that are exactly as good as they say.

A channel sees the label through unit noise, ``x ~ N(clarity * e_label, I)``, so its true posterior under equal shares is
``softmax(clarity * x)``. A `boast` other than 1 multiplies the logits: the temperature that mends it is the boast.
"""

from collections.abc import Callable

import numpy as np
import pytest

from convemo.fusion.loglinear import log_softmax
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo, Speaker, Utterance

EMOTIONS = LabelSet(("neutral", "joy", "sadness", "anger"))


def make_dialogue(id: str, length: int = 20, sticky: float = 0.0, seed: int = 0, labelled: float = 1.0) -> Dialogue:
    random = np.random.default_rng(seed)
    now = {speaker: random.integers(len(EMOTIONS)) for speaker in ("ana", "ben")}
    utterances = []
    for i in range(length):
        speaker = "ana" if random.random() < 0.5 else "ben"
        if random.random() > sticky:
            now[speaker] = random.integers(len(EMOTIONS))
        label = EMOTIONS[now[speaker]] if random.random() < labelled else None
        utterances.append(Utterance(f"u{i}", speaker, "words", label=label))
    return Dialogue(id, tuple(utterances), (Speaker("ana"), Speaker("ben")))


def make_scores(
    dialogue: Dialogue, clarity: float, boast: float = 1.0, seed: int = 0, missing: float = 0.0, name: str = "text"
) -> ChannelResult:
    random = np.random.default_rng(seed)
    truth = np.array([0 if u.label is None else EMOTIONS.index(u.label) for u in dialogue], dtype=int)
    seen = clarity * np.eye(len(EMOTIONS))[truth] + random.normal(size=(len(dialogue), len(EMOTIONS)))
    reasons = tuple("no score" if random.random() < missing else None for _ in dialogue)
    return ChannelResult(name, EMOTIONS, log_softmax(boast * clarity * seen), reasons, model=ModelInfo(f"{name}-model"))


@pytest.fixture(scope="session")
def dialogue() -> Callable[..., Dialogue]:
    return make_dialogue


@pytest.fixture(scope="session")
def scores() -> Callable[..., ChannelResult]:
    return make_scores


def make_corpus(count: int, *, seed: int = 0, sticky: float = 0.0, channels: dict[str, dict], length: int = 20, labelled: float = 1.0):
    """Dialogues, and the results of the channels (name → settings of `make_scores`) for each."""
    dialogues = [make_dialogue(f"d{seed}-{i}", length, sticky, seed=1000 * seed + i, labelled=labelled) for i in range(count)]
    results = [
        {name: make_scores(d, name=name, seed=10**6 * (c + 1) + 1000 * seed + i, **how) for c, (name, how) in enumerate(channels.items())}
        for i, d in enumerate(dialogues)
    ]
    return dialogues, results


@pytest.fixture(scope="session")
def corpus():
    return make_corpus


@pytest.fixture(scope="session")
def judged():
    """Probabilities and references of the labelled, scored utterances of many dialogues."""

    def judge(dialogues, fused_results):
        p, y = [], []
        for dialogue, result in zip(dialogues, fused_results):
            for i, utterance in enumerate(dialogue):
                if utterance.label is not None and result.reasons[i] is None:
                    p.append(list(result.probabilities(i).values()))
                    y.append(EMOTIONS.index(utterance.label))
        return np.array(p), np.array(y)

    return judge
