"""What a finished call lacks: scores that a channel may well give another day, because its model was away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from convemo.llm.questions import FOR_GOOD
from convemo.policy import Policy
from convemo.results import Analysis

_ASKED = "llm"
"""The channel that another machine may answer, or that memory may fail here; any other either works or fails the call."""


def lacking(analysis: Analysis, policy: Policy) -> str | None:
    """In a sentence of no word of the conversation, which channel lacks how many scores and why; ``None`` if none is lacking.

    Args:
        analysis: the call.
        policy: by which it was analysed: what a channel was not shown is not lacking.
    """
    reasons = Counter(_reasons(analysis, policy))
    if not reasons:
        return None
    reason, _ = reasons.most_common(1)[0]
    return f"{_ASKED}: {reasons.total()} of {len(analysis)} utterances: {reason}"


def _reasons(analysis: Analysis, policy: Policy) -> Iterator[str]:
    result = analysis.channels.get(_ASKED)
    if result is not None and not all(result.valid):
        yield from (reason for i in policy.visible(analysis.dialogue) if (reason := result.reasons[i]) and not reason.startswith(FOR_GOOD))
