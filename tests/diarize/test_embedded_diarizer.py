"""Speakers by the sound of their voices."""

import numpy as np
import pytest

from convemo.audio import Audio, load
from convemo.diarize.bic import Voices, cluster
from convemo.diarize.embedded import EmbeddedDiarizer
from convemo.diarize.resegment import best_path
from convemo.errors import ConfigError

TALK = (("low", 4.0), (None, 0.8), ("high", 5.0), (None, 0.8), ("low", 3.0), (None, 0.8), ("high", 4.0))


@pytest.fixture
def talk(voices, loud_is_voice) -> Audio:
    return Audio.from_array(voices(*TALK), 16_000)


def test_two_timbres_are_two_speakers(talk):
    found = EmbeddedDiarizer().diarize(talk)
    assert [s.id for s in found.speakers] == ["speaker 1", "speaker 2"]
    assert [t.speaker for t in found.turns] == ["speaker 1", "speaker 2"] * 2
    assert [t.start for t in found.turns] == pytest.approx([0.0, 4.8, 10.6, 14.4], abs=0.1)


def test_a_change_without_a_pause_is_found(voices, loud_is_voice):
    found = EmbeddedDiarizer().diarize(Audio.from_array(voices(("low", 9.0), ("high", 9.0)), 16_000))
    assert [(t.speaker, round(t.start)) for t in found.turns] == [("speaker 1", 0), ("speaker 2", 9)]


def test_one_timbre_is_one_speaker(voices, loud_is_voice):
    parts = [("low", 3.0), (None, 1.0)] * 5
    assert len(EmbeddedDiarizer().diarize(Audio.from_array(voices(*parts), 16_000)).speakers) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_number_that_is_given_is_kept(talk, number):
    assert len(EmbeddedDiarizer(num_speakers=number).diarize(talk).speakers) == number


def test_bounds_hold(talk):
    assert len(EmbeddedDiarizer(max_speakers=1).diarize(talk).speakers) == 1
    assert len(EmbeddedDiarizer(min_speakers=3).diarize(talk).speakers) == 3


def test_silence_has_no_speakers():
    found = EmbeddedDiarizer().diarize(Audio.from_array(np.zeros(48_000), 16_000))
    assert (found.turns, found.speakers) == ((), ())


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0])
def test_the_shortest_speech_has_one_speaker_at_most(voices, loud_is_voice, seconds):
    assert len(EmbeddedDiarizer().diarize(Audio.from_array(voices(("low", seconds)), 16_000)).speakers) <= 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="min_speakers"):
        EmbeddedDiarizer(min_speakers=4, max_speakers=2)
    with pytest.raises(ConfigError, match="cpu"):
        EmbeddedDiarizer(device="cuda")


def test_progress_reaches_the_end(talk):
    seen = []
    EmbeddedDiarizer().diarize(talk, lambda done, total: seen.append(done / total))
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_the_telephone_leaves_no_empty_bands(voices, loud_is_voice):
    """At 8 kHz the upper bands hold nothing but rounding noise: they must not decide who speaks."""
    audio = Audio.from_array(voices(*TALK)[::2], 8_000)
    assert len(EmbeddedDiarizer(num_speakers=2).diarize(audio).turns) == 4


def test_clusters_in_parts_are_clusters_of_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(10 * (k % 3), 1, (200, 5)) for k in range(60)])
    stretches = Voices.of(frames, np.arange(0, 12_001, 200))
    monkeypatch.setattr("convemo.diarize.bic.AT_ONCE", 7)
    assert cluster(stretches, 2.0).tolist() == [0, 1, 2] * 20


def test_clustering_counts_what_it_is_asked_for():
    frames = np.random.default_rng(0).normal(0, 1, (1000, 5))
    stretches = Voices.of(frames, np.arange(0, 1001, 100))
    assert [len(set(cluster(stretches, 2.0, fewest=k))) for k in (1, 2, 5)] == [1, 2, 5]


def test_a_path_does_not_leave_for_a_single_frame():
    scores = np.zeros((30, 2))
    scores[:, 1] = -1.0
    scores[12, 1] = 5.0
    scores[20:, 1] = 3.0
    assert best_path(scores, np.full(30, 10.0)).tolist() == [0] * 20 + [1] * 10
    assert best_path(scores, np.zeros(30)).tolist() == [0] * 12 + [1] + [0] * 7 + [1] * 10


@pytest.mark.data
def test_a_real_conversation_of_two_has_turns_inside_the_recording(data_root):
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        found = EmbeddedDiarizer(num_speakers=2).diarize(audio)
    assert len(found.speakers) == 2
    assert all(0 <= t.start < t.end <= 30.0 for t in found.turns)
    assert sum(t.duration_s for t in found.turns) == pytest.approx(22.0, abs=2.0)
