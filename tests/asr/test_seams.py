"""No word is lost or doubled where a recording is cut: a recogniser that can only hear whole words hears every one, once.

The sound is a row of constants, one value for each word, so that a cut through a word can be seen.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convemo.asr import whisper
from convemo.asr.passages import PASSAGE_S, SEAM_S
from convemo.asr.whisper_rules import Heard, HeardWord
from convemo.audio import Audio

RATE_HZ = 16000
STEP = 10 / 32768
"""Between the values of two words."""


class Marked(whisper.Whisper):
    """Hears the words of a marked sound: ``7`` where it is whole, ``7?`` where a part is missing."""

    id, language, translate = "marked", "en", False

    def __init__(self, lengths, at_once):
        self.lengths, self.at_once, self.longest_s = lengths, at_once, 0.0

    def _loaded(self):
        return self

    def _at_once(self, model):
        return self.at_once

    def _detected(self, model, sounds):
        return "en", 1.0

    def _hear(self, model, sounds, language, task):
        self.longest_s = max(self.longest_s, *(len(samples) / RATE_HZ for samples in sounds))
        return [[Heard.of("words", 0.0, 0.0, list(self._words(samples)), -0.1, 0.0, 1.0)] for samples in sounds]

    def _words(self, samples):
        marks = np.rint(samples / STEP).astype(int)
        edges = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), len(marks)]
        for begin, end in pairwise(edges):
            if mark := int(marks[begin]):
                whole = end - begin == self.lengths[mark]
                yield HeardWord(f" {mark}" if whole else f" {mark}?", begin / RATE_HZ, end / RATE_HZ, 0.9)


@st.composite
def conversations(draw):
    """``(begin, end, word or 0)`` in samples, one after another: stretches of unbroken words up to two minutes, with pauses between."""
    pieces, at, word = [], 0, 0
    for pause_s, count, length_s in draw(
        st.lists(st.tuples(st.floats(0.1, 6.0), st.integers(1, 150), st.floats(0.1, 1.2)), min_size=1, max_size=6)
    ):
        at += round(pause_s * RATE_HZ)
        begin = at
        for _ in range(count):
            word += 1
            length = round(length_s * (0.5 + (word % 3) / 2) * RATE_HZ)
            pieces.append((at, at + length, word))
            at += length
            if at - begin > 120 * RATE_HZ:
                break
    return pieces


@given(conversations(), st.floats(0, 1), st.integers(1, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_word_is_heard_once_whole_and_where_it_was_said(monkeypatch, pieces, where, at_once):
    sound = np.zeros(pieces[-1][1] + RATE_HZ, np.float32)
    for begin, end, word in pieces:
        sound[begin:end] = word * STEP
    speech = [[pieces[0][0], pieces[0][1]]]
    for before, after in pairwise(pieces):
        if after[0] == before[1]:
            speech[-1][1] = after[1]
        else:
            speech.append([after[0], after[1]])
    monkeypatch.setattr(whisper, "speech", lambda audio: tuple((a / RATE_HZ, b / RATE_HZ) for a, b in speech))
    monkeypatch.setattr(whisper, "least_voiced", lambda audio: lambda earliest, latest: earliest + where * (latest - earliest))
    engine = Marked({word: end - begin for begin, end, word in pieces}, at_once)
    with Audio.from_array(sound, RATE_HZ) as audio:
        transcript = engine.transcribe(audio)
    heard = [word for segment in transcript.segments for word in segment.words]
    assert [word.text for word in heard] == [str(word) for _, _, word in pieces]
    for word, (begin, end, _) in zip(heard, pieces, strict=True):
        assert word.start == pytest.approx(begin / RATE_HZ, abs=0.001) and word.end == pytest.approx(end / RATE_HZ, abs=0.001)
    assert engine.longest_s <= PASSAGE_S + 1e-6


def test_the_longest_words_fit_the_seam():
    assert 2 * SEAM_S >= 1.2 * 1.5  # what the property above draws; a word of two seconds is a shout


def test_the_cut_is_made_where_a_voice_is_least_likely(monkeypatch):
    from convemo.asr import passages

    voice = np.full(2000, 0.99, np.float32)
    voice[700:704] = 0.6
    monkeypatch.setattr(passages, "probabilities", lambda audio: voice)
    cut = passages.least_voiced(None)(15.0, 29.0)
    assert 700 <= cut / passages.FRAME_S <= 704
