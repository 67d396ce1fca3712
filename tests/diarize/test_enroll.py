"""Known speakers: names for voices."""

import wave

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.diarize.embedded import EmbeddedDiarizer
from convemo.diarize.enroll import KnownSpeakers
from convemo.errors import AudioError, ConfigError

pytestmark = pytest.mark.usefixtures("loud_is_voice")


@pytest.fixture
def recording(tmp_path, voices):
    """``recording("ana", ("low", 4.0))``: a sound file, by its path."""

    def write(name: str, *parts: tuple[str | None, float]) -> str:
        path = tmp_path / f"{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((voices(*parts) * 32767).astype("<i2").tobytes())
        return str(path)

    return write


@pytest.fixture
def talk(voices) -> Audio:
    return Audio.from_array(voices(("low", 4.0), (None, 0.8), ("high", 5.0), (None, 0.8), ("low", 3.0)), 16_000)


def names(known: KnownSpeakers, audio: Audio) -> list[str | None]:
    return [speaker.name for speaker in known.name(EmbeddedDiarizer(num_speakers=2).diarize(audio), audio).speakers]


def test_known_voices_get_their_names_and_keep_their_ids(recording, talk):
    known = KnownSpeakers({"Ben": recording("ben", ("high", 4.0)), "Ana": recording("ana", ("low", 4.0))})
    found = known.name(EmbeddedDiarizer(num_speakers=2).diarize(talk), talk)
    assert [(s.id, s.name) for s in found.speakers] == [("speaker 1", "Ana"), ("speaker 2", "Ben")]


def test_whoever_is_not_known_stays_unnamed(recording, talk):
    assert names(KnownSpeakers({"Ben": recording("ben", ("high", 4.0))}), talk) == [None, "Ben"]


def test_a_name_is_one_speakers(recording, voices):
    """Where a voice was cut in two, the likelier part gets the name."""
    audio = Audio.from_array(voices(("low", 4.0), (None, 1.0), ("low", 4.0)), 16_000)
    assert sorted(map(str, names(KnownSpeakers({"Ana": recording("ana", ("low", 4.0))}), audio))) == ["Ana", "None"]


def test_too_little_voice_is_refused(recording):
    with pytest.raises(ConfigError, match=r"at least 2 s of Ana's voice .* found 1\.\d s"):
        KnownSpeakers({"Ana": recording("ana", ("low", 1.0), (None, 3.0))})


def test_one_voice_under_two_names_is_refused(recording):
    with pytest.raises(ConfigError, match="two voices for Ana and Eva"):
        KnownSpeakers({"Ana": recording("ana", ("low", 4.0)), "Eva": recording("eva", ("low", 4.0))})


def test_a_recording_that_is_missing_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"ana\.wav"):
        KnownSpeakers({"Ana": str(tmp_path / "ana.wav")})


def test_a_channel_of_ones_own_is_listened_to(recording, voices):
    from convemo.types import Diarization, Speaker, Turn

    silent = np.zeros(round(5.0 * 16_000), np.float32)
    audio = Audio.from_array(np.stack([voices(("low", 5.0)), silent + voices(("high", 5.0))], axis=1), 16_000)
    turns = (Turn(0.0, 5.0, "speaker 1"), Turn(0.0, 5.0, "speaker 2"))
    both = Diarization(turns, (Speaker("speaker 1", channel=0), Speaker("speaker 2", channel=1)), "channels")
    known = KnownSpeakers({"Ana": recording("ana", ("low", 4.0)), "Ben": recording("ben", ("high", 4.0))})
    assert [s.name for s in known.name(both, audio).speakers] == ["Ana", "Ben"]


def test_the_analyzer_names_them_and_keeps_no_voice(recording, voices):
    import json

    from convemo import Analyzer

    known = {"Ana": recording("ana", ("low", 4.0)), "Eve": recording("eve", ("high", 4.0))}
    analyzer = Analyzer(asr="none", diarizer="embedded", num_speakers=1, enroll=known, offline=True)
    analysis = analyzer.analyze(voices(("low", 4.0), (None, 1.0), ("low", 3.0)), rate_hz=16_000)
    assert [speaker.name for speaker in analysis.dialogue.speakers] == ["Ana"]
    assert analysis.provenance["enrolled"] == {"looked_for": ["Ana", "Eve"], "found": ["Ana"]}
    assert "embedding" not in json.dumps(dict(analysis.provenance))


def test_the_command_line_takes_name_and_file():
    from convemo.commands.analyze import run

    with pytest.raises(ConfigError, match="NAME=FILE"):
        run(["a.wav"], None, None, None, [], None, {}, json=True, enroll=["Ana"])
