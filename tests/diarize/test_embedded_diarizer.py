"""Speakers by the sound of their voices."""

import numpy as np
import pytest

from convemo.audio import Audio, load
from convemo.diarize.embedded import EmbeddedDiarizer
from convemo.diarize.resegment import best_path
from convemo.diarize.spectral import apartness, split
from convemo.errors import ConfigError

TALK = (("low", 4.0), (None, 0.8), ("high", 5.0), (None, 0.8), ("low", 3.0), (None, 0.8), ("high", 4.0))


@pytest.fixture
def talk(voices, loud_is_voice) -> Audio:
    return Audio.from_array(voices(*TALK), 16_000)


def test_two_timbres_are_two_speakers(talk):
    found = EmbeddedDiarizer().diarize(talk)
    assert [s.id for s in found.speakers] == ["speaker 1", "speaker 2"]
    assert [t.speaker for t in found.turns] == ["speaker 1", "speaker 2"] * 2
    assert [t.start for t in found.turns] == pytest.approx([0.0, 4.8, 10.6, 14.4], abs=0.15)


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


def people(*windows: int, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of people who have so many windows each, in turns: vectors, whose they are, and when."""
    rng = np.random.default_rng(seed)
    voices = np.abs(rng.normal(0, 1, (len(windows), 64)))
    whose = rng.permutation(np.repeat(np.arange(len(windows)), windows))
    vectors = voices[whose] / np.linalg.norm(voices[whose], axis=1, keepdims=True) + rng.normal(0, noise, (len(whose), 64))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), whose, 0.4 * np.arange(len(whose))


def as_they_come(labels: np.ndarray) -> list[int]:
    """The labels, numbered in the order in which they first occur."""
    names: dict[int, int] = {}
    return [names.setdefault(int(label), len(names)) for label in labels]


@pytest.mark.parametrize("windows", [(40,), (40, 40), (60, 20), (50, 30, 20), (30, 30, 30, 30)])
def test_the_graph_finds_everybody(windows):
    vectors, whose, seconds = people(*windows)
    assert as_they_come(split(vectors, seconds)) == as_they_come(whose)


def test_more_groups_than_there_are_voices_only_on_demand():
    vectors, _, seconds = people(40)
    assert [len(set(split(vectors, seconds, fewest=k))) for k in (1, 2, 4)] == [1, 2, 4]


def test_two_halves_of_one_voice_are_not_apart_however_noisy():
    vectors, _, seconds = people(200, noise=0.15)
    assert apartness(vectors, np.arange(200) % 2, seconds)[0, 1] == pytest.approx(0.0, abs=0.02)


def test_a_turn_says_how_sure_its_speaker_is(talk):
    found = EmbeddedDiarizer().diarize(talk)
    assert all(0.5 < turn.confidence <= 1.0 for turn in found.turns)


def test_one_speaker_has_nobody_to_be_taken_for(voices, loud_is_voice):
    found = EmbeddedDiarizer().diarize(Audio.from_array(voices(("low", 5.0)), 16_000))
    assert [turn.confidence for turn in found.turns] == [None]


def test_windows_are_bounded_and_the_labels_last(monkeypatch, talk):
    """Of a long recording some windows are looked at, and all are labelled."""
    whole = EmbeddedDiarizer().diarize(talk)
    monkeypatch.setattr("convemo.diarize.embedded.AT_ONCE", 20)
    assert EmbeddedDiarizer().diarize(talk).turns == whole.turns


def test_a_path_does_not_leave_for_a_single_frame():
    scores = np.zeros((30, 2))
    scores[:, 1] = -1.0
    scores[12, 1] = 5.0
    scores[20:, 1] = 3.0
    assert best_path(scores, np.full(30, 10.0)).tolist() == [0] * 20 + [1] * 10
    assert best_path(scores, np.zeros(30)).tolist() == [0] * 12 + [1] + [0] * 7 + [1] * 10


@pytest.mark.data
def test_a_real_call_has_two_speakers(data_root):
    with load(data_root / "conversations" / "support_call_8k.flac") as audio:
        assert len(EmbeddedDiarizer().diarize(audio).speakers) == 2


@pytest.mark.data
def test_a_real_conversation_of_two_has_turns_inside_the_recording(data_root):
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        found = EmbeddedDiarizer(num_speakers=2).diarize(audio)
    assert len(found.speakers) == 2
    assert all(0 <= t.start < t.end <= 30.0 for t in found.turns)
    assert sum(t.duration_s for t in found.turns) == pytest.approx(22.0, abs=2.0)
