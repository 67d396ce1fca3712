"""How far up the line carries a voice: a telephone ends below 4 kHz, and with it much of what tells emotions apart."""

from __future__ import annotations

import numpy as np

from convemo.audio.track import BAND_HZ
from convemo.types import TELEPHONE_HZ

FEWEST = 16
"""Frames of 32 ms (half a second): the least speech that is sure to hold more than vowels, and the least quiet that makes a floor."""

_LOUD = 95  # percentile of the frames: an s or t is rare, and all there is in the upper bands
_OVER_FLOOR_DB = 9.0  # by so much those frames must stand out of the quiet ones; steady noise itself varies by 3 dB
_UNDER_VOICE_DB = 45.0  # … and no deeper must they lie below the voice as a whole: what is deeper is a filter's or a codec's remains
_TELEPHONE_BANDS = int(TELEPHONE_HZ / BAND_HZ)
_ABOVE_TELEPHONE = slice(_TELEPHONE_BANDS, _TELEPHONE_BANDS * 3 // 2)  # 4 to 6 kHz, where every wide line carries an s


def upper_limit_hz(speech_db: np.ndarray, quiet_db: np.ndarray) -> float | None:
    """The upper edge of the highest band in which a voice stands out, to 500 Hz.

    A band carries the voice if its loud frames (95th percentile) lie 9 dB over the median of the pauses and at most 45 dB below the loud
    frames of the voice as a whole. Noise that came with the sound therefore does not pass for a wide band, nor what a filter, a codec or
    rounding leaves above its edge. Where noise is so loud that it would hide the upper bands of any voice, nothing is claimed.

    Args:
        speech_db: ``(S, 16)`` levels of the voice's frames in bands of 500 Hz, from `track.Track.levels_db`.
        quiet_db: ``(Q, 16)`` those of frames nearby without speech. If there are less than half a second of them, the quietest of the
            voice's own frames stand in.

    Returns:
        Hz, at most 8000; ``None`` if there is less than half a second of speech, no voice in it, or too much noise to tell.

    >>> quiet, vowel = np.full((20, 16), -90.0), np.full((40, 16), -90.0)
    >>> vowel[:, :7] = -30.0
    >>> upper_limit_hz(vowel, quiet)
    3500.0
    """
    if len(speech_db) < FEWEST:
        return None
    loud = np.percentile(speech_db, _LOUD, axis=0)  # (16,)
    floor = np.median(quiet_db, axis=0) if len(quiet_db) >= FEWEST else np.percentile(speech_db, 100 - _LOUD, axis=0)
    faintest = loud.max() - _UNDER_VOICE_DB
    heard = loud >= faintest  # (16,) by voice or noise
    carried = np.flatnonzero(heard & (loud >= floor + _OVER_FLOOR_DB))
    if not len(carried):
        return None
    if (carried[-1] + 1) * BAND_HZ > TELEPHONE_HZ:
        return float((carried[-1] + 1) * BAND_HZ)
    if floor[_ABOVE_TELEPHONE].max() > faintest:
        return None
    return float((np.flatnonzero(heard[:_TELEPHONE_BANDS])[-1] + 1) * BAND_HZ)  # noise came over the same line, and shows where it ends
