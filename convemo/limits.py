"""How much of this machine one recording or transcript may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are checked before memory is spent, and again while decoding.

    >>> Limits(max_duration_s=3600).max_channels
    8
    """

    max_duration_s: float = 12 * 3600
    """Longest recording, in seconds."""
    max_channels: int = 8
    """Most audio channels in one recording."""
    min_rate_hz: int = 4_000
    max_rate_hz: int = 384_000
    """Sampling rates outside these are forged headers more often than recordings."""
    max_audio_bytes: int = 8 * 2**30
    """Largest media file (a video may be large), in bytes."""
    max_transcript_bytes: int = 64 * 2**20
    """Largest transcript file, in bytes."""
    decode_memory_bytes: int = 2 * 2**30
    """Address space of the decoding child process."""
    decode_seconds_per_minute: float = 6.0
    """Processor seconds the decoder may take for each minute of sound, beyond `decode_base_s`."""
    decode_base_s: float = 20.0
    """Seconds the decoder may take however short the recording is."""
