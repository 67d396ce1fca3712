"""A small analysis to write in every form."""

from __future__ import annotations

import numpy as np

from convemo.results import Analysis
from convemo.types import ChannelResult, Dialogue, Evidence, LabelSet, ModelInfo, Recording, Speaker, Utterance, Word

LABELS = LabelSet(("neutral", "anger"))


def utterance(id, speaker, text, start=None, end=None, **more) -> Utterance:
    return Utterance(id, speaker, text, start, end, **more)


def analysis(*utterances: Utterance, speakers: tuple[Speaker, ...] = (), anger: float = 0.75, unscored: tuple[str, ...] = ()) -> Analysis:
    """Every utterance is anger with this probability; those named in `unscored` have no score."""
    listed = speakers or tuple(Speaker(name) for name in dict.fromkeys(u.speaker for u in utterances))
    reasons = tuple("no text" if u.id in unscored else None for u in utterances)
    scores = np.log(np.tile([1 - anger, anger], (len(utterances), 1)))
    valence = np.array([np.nan if reason else -0.5 for reason in reasons])
    text = ChannelResult("text", LABELS, scores, reasons, {"valence": valence}, ModelInfo("text-1", "ab12", "Apache-2.0"), True)
    return Analysis(
        dialogue=Dialogue("d1", utterances, listed, "en"),
        channels={"text": text},
        fused=ChannelResult("fused", LABELS, scores, reasons, {"valence": valence}),
        contributions={"text": np.array([0.0 if reason else 1.0986 for reason in reasons])},
        prediction_sets=tuple(None if reason else ("anger", "neutral") for reason in reasons),
        abstained=tuple(reason is not None for reason in reasons),
        recording=Recording("call.wav", "cd34", 10.0, 1, 16000, "wav/pcm_s16le"),
        provenance={"convemo": "0.1.0"},
        notes=("A note.",),
    )


def call() -> Analysis:
    """Two speakers, one overlap, one utterance without a score."""
    return analysis(
        utterance("u1", "ana", "I have called twice!", 0.5, 2.25, words=(Word("I", 0.5, 0.6, 0.9),), evidence=Evidence(overlap=0.1)),
        utterance("u2", "ben", 'He said "no" & left.', 2.0, 3.0),
        utterance("u3", "ana", None, 4.0, 5.5),
        speakers=(Speaker("ana", "Ana Lee", "customer", 0), Speaker("ben", "Ben", "agent", 1)),
        unscored=("u3",),
    )


def chat() -> Analysis:
    return analysis(utterance("u1", "ana", "Hi."), utterance("u2", "ben", "Hello."))
