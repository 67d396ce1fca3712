"""Conversations to make pages of."""

from __future__ import annotations

import numpy as np

from convemo.results import Analysis
from convemo.types import LABELS, ChannelResult, Dialogue, ModelInfo, Recording, Speaker, Utterance

HOSTILE = (
    "<script>document.title='taken'</script>",
    "</script><script>document.title='taken'</script>",
    "<img src='https://example.com/x' onerror=\"document.title='taken'\">",
    "]]> --> </style> <!-- ${1} {{x}} \\u003c",
    "\u202eturned \u2066 around",
    "\x00\x1b[31m \ud800 \u2028 \ufffe",
    "&lt;b&gt;' \" `",
)


def call(
    texts=("Hello.", "I am angry!"), angry=(0.1, 0.9), names=("Ana", "Ben"), id="call", timed=True, voice=None, unscored=()
) -> Analysis:
    """Ana is the agent, Ben the customer, in turn; `angry` is what the words say of each utterance, `voice` what the voice does."""
    count = len(angry)
    times = [(3.0 * i, 3.0 * i + 2) if timed else (None, None) for i in range(count)]
    utterances = tuple(Utterance(f"u{i}", "ab"[i % 2], texts[i % len(texts)], *times[i]) for i in range(count))
    speakers = (Speaker("a", names[0], "agent"), Speaker("b", names[1], "customer"))
    reasons = tuple("no text" if i in unscored else None for i in range(count))
    channels = {"text": _result("text", angry, reasons)} | ({} if voice is None else {"acoustic": _result("acoustic", voice, reasons)})
    return Analysis(
        Dialogue(id, utterances, speakers),
        channels,
        fused=_result("fused", angry, reasons),
        recording=Recording("call.wav", "ab" * 32, 3.0 * count, 1, 8000) if timed else None,
        notes=("A note.",),
        provenance={"convemo": "0"},
    )


def _result(name, angry, reasons):
    p = np.full((len(angry), len(LABELS)), 0.01)
    p[:, LABELS.index("anger")] = angry
    p[:, LABELS.index("neutral")] = 1 - np.asarray(angry)
    p = np.clip(p, 0.005, None) / np.clip(p, 0.005, None).sum(axis=1, keepdims=True)
    return ChannelResult(name, LABELS, np.log(p), reasons, model=ModelInfo(f"{name}-1"), calibrated=True)
