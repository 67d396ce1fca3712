import json
from dataclasses import replace

import numpy as np
import pytest

from convemo.acoustic.channel import WEIGHTS, WINDOW_S, AcousticChannel
from convemo.audio import Audio
from convemo.errors import EngineUnavailable
from convemo.registry import build
from convemo.types import LABELS, Dialogue, Speaker, Utterance


@pytest.fixture(scope="module")
def channel() -> AcousticChannel:
    return AcousticChannel()


def test_every_utterance_gets_a_distribution_over_the_default_labels(channel, talk):
    result = channel.predict(*talk)
    assert result.labels == LABELS and result.channel == "acoustic" and not result.calibrated
    assert result.valid.all()
    np.testing.assert_allclose(np.exp(result.log_probs).sum(axis=1), 1, atol=1e-3)


def test_the_result_names_the_model_its_hash_and_its_licence(channel):
    assert channel.model.licence == "CC-BY-NC-SA-4.0"
    assert len(channel.model.sha256) == 64
    assert channel.model.id.startswith("convemo-acoustic")


def test_what_comes_later_changes_nothing(channel, talk):
    dialogue, audio = talk
    whole = channel.predict(dialogue, audio)
    for length in (1, 3, 6):
        prefix = channel.predict(replace(dialogue, utterances=dialogue.utterances[:length]), audio)
        np.testing.assert_array_equal(prefix.log_probs, whole.log_probs[:length])


@pytest.mark.parametrize("since", [0, 1, 5, 8])
def test_scoring_from_the_middle_gives_the_same_rows_as_scoring_from_the_start(channel, talk, since):
    dialogue, audio = talk
    whole, rest = channel.predict(dialogue, audio), channel.predict(dialogue, audio, since=since)
    assert len(rest) == len(dialogue) - since
    np.testing.assert_array_equal(rest.log_probs, whole.log_probs[since:])


def test_from_the_middle_is_the_same_even_where_nothing_was_heard_before(channel, talk):
    dialogue, audio = talk
    fresh = Audio.from_array(audio.read(), 16_000)
    np.testing.assert_array_equal(channel.predict(dialogue, fresh, since=5).log_probs, channel.predict(dialogue, audio).log_probs[5:])


def test_an_utterance_is_compared_with_the_same_speakers_earlier_ones_only(channel, talk):
    dialogue, audio = talk
    last = dialogue[6]  # ana's fourth
    without_ana = tuple(u for u in dialogue.utterances[:7] if u.speaker == "ben" or u is last)
    without_ben = tuple(u for u in dialogue.utterances[:7] if u.speaker == "ana")
    score = {
        "all": channel.predict(replace(dialogue, utterances=dialogue.utterances[:7]), audio).log_probs[-1],
        "ana only": channel.predict(replace(dialogue, utterances=without_ben), audio).log_probs[-1],
        "ben only": channel.predict(replace(dialogue, utterances=without_ana), audio).log_probs[-1],
    }
    np.testing.assert_array_equal(score["all"], score["ana only"])
    assert np.abs(score["all"] - score["ben only"]).max() > 1e-3


def reasons(channel, audio, *utterances):
    return channel.predict(Dialogue("d", utterances, (Speaker("ana"),)), audio).reasons


def test_what_cannot_be_scored_says_why(channel, talk):
    _, audio = talk
    found = reasons(
        channel,
        audio,
        Utterance("a", "ana", "Hello."),
        Utterance("b", "ana", start=0.0, end=0.2),
        Utterance("c", "ana", start=1.52, end=1.98),
        Utterance("d", "ana", start=900.0, end=901.0),
        Utterance("e", "ana", start=0.0, end=1.5),
    )
    assert found == ("no times", "0.2 s long; needs 0.3 s", "silent", "after the end of the sound", None)


def test_without_sound_nothing_is_scored(channel, talk):
    assert set(channel.predict(talk[0], None).reasons) == {"no sound"}


def test_an_empty_dialogue_gives_an_empty_result(channel, talk):
    assert channel.predict(Dialogue("d", (), ()), talk[1]).log_probs.shape == (0, 7)


def test_what_was_not_scored_is_not_held_against_the_speaker(channel, talk):
    dialogue, audio = talk
    with_gap = (dialogue[0], Utterance("gap", "ana", start=1.55, end=1.95), dialogue[2])
    without = (dialogue[0], dialogue[2])
    np.testing.assert_array_equal(
        channel.predict(replace(dialogue, utterances=with_gap), audio).log_probs[2],
        channel.predict(replace(dialogue, utterances=without), audio).log_probs[1],
    )


def test_a_speaker_with_a_channel_of_their_own_is_heard_there(channel, talk):
    dialogue, audio = talk
    mono = audio.read()
    noise = np.random.default_rng(0).normal(0, 0.1, len(mono)).astype(np.float32)
    stereo = Audio.from_array(np.stack([noise, mono], axis=1), 16_000)
    on_the_right = replace(dialogue, speakers=tuple(replace(s, channel=1) for s in dialogue.speakers))
    np.testing.assert_allclose(channel.predict(on_the_right, stereo).log_probs, channel.predict(dialogue, audio).log_probs, atol=1e-4)


def test_a_channel_that_the_recording_does_not_have_is_ignored(channel, talk):
    dialogue, audio = talk
    named = replace(dialogue, speakers=tuple(replace(s, channel=3) for s in dialogue.speakers))
    np.testing.assert_array_equal(channel.predict(named, audio).log_probs, channel.predict(dialogue, audio).log_probs)


def test_a_long_utterance_is_read_in_windows(channel, talk):
    class Watched:
        """The sound, and the longest stretch of it that anybody asked for."""

        channels, longest = 1, 0.0

        def __init__(self, samples):
            self.samples, self.duration_s, self.remembered = samples, len(samples) / 16_000, {}

        def read(self, start, end, channel=None):
            self.longest = max(self.longest, end - start)
            return self.samples[int(start * 16_000) : int(end * 16_000)]

        def remember(self, name, compute):
            return self.remembered.setdefault(name, compute())

    audio = Watched(np.tile(talk[1].read(), 5))
    result = channel.predict(Dialogue("d", (Utterance("u", "ana", start=0.0, end=80.0),), (Speaker("ana"),)), audio)
    assert result.valid.all()
    assert np.exp(result.log_probs).sum() == pytest.approx(1, abs=1e-3)
    assert audio.longest <= WINDOW_S


def test_the_channel_is_registered_and_takes_a_model_folder(tmp_path):
    assert build("acoustic", f"default:{WEIGHTS}").name == "acoustic"


def test_missing_weights_say_what_to_do(tmp_path):
    assert not AcousticChannel.availability(str(tmp_path)).usable
    with pytest.raises(EngineUnavailable, match="convemo train"):
        AcousticChannel(str(tmp_path))


def test_a_model_of_other_features_is_refused(tmp_path):
    for file in WEIGHTS.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((tmp_path / "model.json").read_text())
    manifest["functionals"] = manifest["functionals"][::-1]
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineUnavailable, match="functionals"):
        AcousticChannel(str(tmp_path))


def test_an_altered_model_is_refused(tmp_path):
    for file in WEIGHTS.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (network,) = tmp_path.glob("*.onnx")
    network.write_bytes(network.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineUnavailable, match="sha256"):
        AcousticChannel(str(tmp_path))


def test_the_shipped_model_is_small_and_has_its_papers():
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 6_000_000
    card = (WEIGHTS / "CARD.md").read_text(encoding="utf-8")
    assert "CC-BY-NC-SA-4.0" in card and "Acted speech" in card
