"""The analysis as a table: one row an utterance, the same columns in CSV and in a data frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convemo.disagreement import VOICE, WORDS
from convemo.results import Analysis, AnalyzedUtterance

COLUMNS = (
    "dialogue", "utterance", "speaker", "name", "role", "start_s", "end_s", "text",
    "label", "confidence", "negative", "prediction_set", "abstained", "valence", "arousal", "dominance", "why",
)  # fmt: skip
"""The columns that are always there, in this order. Ones for each label, each channel and the evidence follow; see `columns`."""

EVIDENCE = ("speech_s", "snr_db", "overlap", "clipping", "asr_confidence", "speaker_confidence", "bandwidth_hz")


def columns(analysis: Analysis) -> list[str]:
    """All columns: `COLUMNS`, ``p_LABEL`` for each label, `EVIDENCE`, ``CHANNEL_label`` and ``CHANNEL_confidence`` for each channel.

    Where both words and voice were judged, ``disagreement`` follows; where voices were described, ``voice.NAME`` and
    ``voice_deviation.NAME`` for each of their numbers follow.
    """
    labels = [f"p_{label}" for label in analysis.primary.labels]
    channels = [f"{name}_{what}" for name in analysis.channels for what in ("label", "confidence")]
    return [*COLUMNS, *labels, *EVIDENCE, *channels, *_disagreement_column(analysis), *_voice_columns(analysis)]


def rows(analysis: Analysis) -> Iterator[dict[str, Any]]:
    """One dictionary an utterance, with the keys of `columns`; ``None`` where there is nothing."""
    voice = [column.partition(".")[::2] for column in _voice_columns(analysis)]
    for u in analysis:
        yield _row(analysis, u) | {f"{what}.{name}": (getattr(u, what) or {}).get(name) for what, name in voice}


def _disagreement_column(analysis: Analysis) -> list[str]:
    return ["disagreement"] if VOICE in analysis.channels and any(name in analysis.channels for name in WORDS) else []


def _voice_columns(analysis: Analysis) -> list[str]:
    described = [u.voice for u in analysis if u.voice is not None]
    names = dict.fromkeys(name for voice in described for name in voice)
    return [f"{what}.{name}" for what in ("voice", "voice_deviation") for name in names]


def _row(analysis: Analysis, u: AnalyzedUtterance) -> dict[str, Any]:
    row = {
        "dialogue": analysis.dialogue.id,
        "utterance": u.id,
        "speaker": u.speaker,
        "name": u.name,
        "role": u.role,
        "start_s": _rounded(u.start, 3),
        "end_s": _rounded(u.end, 3),
        "text": u.text,
        "label": u.label,
        "confidence": _rounded(u.confidence),
        "negative": _rounded(u.negative),
        "prediction_set": None if u.prediction_set is None else " ".join(u.prediction_set),
        "abstained": u.abstained,
        "valence": u.valence,
        "arousal": u.arousal,
        "dominance": u.dominance,
        "why": u.why,
    }
    probabilities = u.probabilities or {}
    row |= {f"p_{label}": _rounded(probabilities.get(label)) for label in analysis.primary.labels}
    row |= {name: _rounded(getattr(u.evidence, name)) for name in EVIDENCE}
    for name, own in u.channels.items():
        label = max(own, key=own.get) if own else None
        row[f"{name}_label"] = label
        row[f"{name}_confidence"] = _rounded(own[label]) if own else None
    if _disagreement_column(analysis):
        row["disagreement"] = None if (apart := u.disagreement) is None else str(apart)
    return row


def _rounded(value: float | None, places: int = 4) -> float | None:
    return None if value is None else round(value, places)
