"""What stages have made, as JSON and back: data only, so that a cache that somebody has tampered with runs nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from convemo.analyzed import record
from convemo.types import (
    ChannelResult,
    Dialogue,
    Diarization,
    Evidence,
    LabelSet,
    ModelInfo,
    Recording,
    Speaker,
    Transcript,
    TranscriptSegment,
    Turn,
    Utterance,
    Word,
)


def pack(value: Any) -> bytes:
    """JSON, deflated."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def unpack(data: bytes) -> Any:
    """
    Raises:
        ValueError: it is damaged.
    """
    try:
        return json.loads(zlib.decompress(data))
    except (zlib.error, RecursionError) as error:
        raise ValueError(str(error)) from error


def from_dialogue(d: Dialogue) -> dict[str, Any]:
    utterances = [record(u) | {"words": [record(w) for w in u.words], "evidence": record(u.evidence)} for u in d]
    for u in utterances:
        for name in ("features", "dimensions", "voice", "voice_deviation"):
            u[name] = None if u[name] is None else dict(u[name])
    return {
        "id": d.id,
        "utterances": utterances,
        "speakers": [record(s) for s in d.speakers],
        "language": d.language,
        "translated_from": d.translated_from,
        "groups": None if d.groups is None else dict(d.groups),
        "genders": None if d.genders is None else dict(d.genders),
    }


def to_dialogue(saved: Mapping[str, Any]) -> Dialogue:
    utterances = tuple(
        Utterance(**u | {"words": tuple(Word(**w) for w in u["words"]), "evidence": Evidence(**u["evidence"])}) for u in saved["utterances"]
    )
    return Dialogue(**{**saved, "utterances": utterances, "speakers": tuple(Speaker(**s) for s in saved["speakers"])})


def from_transcript(t: Transcript) -> dict[str, Any]:
    return record(t) | {
        "segments": [record(s) | {"words": [record(w) for w in s.words]} for s in t.segments],
        "speakers": [record(s) for s in t.speakers],
        "notes": list(t.notes),
    }


def to_transcript(saved: Mapping[str, Any]) -> Transcript:
    segments = tuple(TranscriptSegment(**s | {"words": tuple(Word(**w) for w in s["words"])}) for s in saved["segments"])
    return Transcript(
        **{**saved, "segments": segments, "speakers": tuple(Speaker(**s) for s in saved["speakers"]), "notes": tuple(saved["notes"])}
    )


def from_diarization(d: Diarization) -> dict[str, Any]:
    turns = {name: [record(t) for t in getattr(d, name)] for name in ("turns", "exclusive")}
    return turns | {"speakers": [record(s) for s in d.speakers], "source": d.source}


def to_diarization(saved: Mapping[str, Any]) -> Diarization:
    turns = {name: tuple(Turn(**t) for t in saved[name]) for name in ("turns", "exclusive")}
    return Diarization(**turns, speakers=tuple(Speaker(**s) for s in saved["speakers"]), source=saved["source"])


def from_result(r: ChannelResult) -> dict[str, Any]:
    """Numbers as they are kept anyway (`ChannelResult.DECIMALS`): what comes back is equal."""
    return {
        "channel": r.channel,
        "labels": list(r.labels),
        "log_probs": r.log_probs.tolist(),
        "reasons": list(r.reasons),
        "dimensions": {name: [None if np.isnan(v) else v for v in values.tolist()] for name, values in r.dimensions.items()},
        "model": record(r.model),
        "calibrated": r.calibrated,
    }


def to_result(saved: Mapping[str, Any]) -> ChannelResult:
    labels = LabelSet(saved["labels"])
    return ChannelResult(
        channel=saved["channel"],
        labels=labels,
        log_probs=np.array(saved["log_probs"], dtype=float).reshape(len(saved["reasons"]), len(labels)),
        reasons=tuple(saved["reasons"]),
        dimensions={n: np.array([np.nan if v is None else v for v in values], dtype=float) for n, values in saved["dimensions"].items()},
        model=ModelInfo(**saved["model"]),
        calibrated=saved["calibrated"],
    )


def from_recording(r: Recording) -> dict[str, Any]:
    return record(r)


def to_recording(saved: Mapping[str, Any]) -> Recording:
    return Recording(**saved)
