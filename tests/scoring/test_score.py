"""Channels on data: what they are shown, how sound reaches them, which labels count."""

import wave
from dataclasses import replace

import numpy as np
import pytest

from convemo import registry
from convemo.audio import Audio
from convemo.errors import ConfigError, EngineUnavailable
from convemo.scoring import hear, open_channel, score
from convemo.scoring.channels import trained_on
from convemo.scoring.labels import agree, of, ordered
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo, Speaker, Utterance


class Witness:
    """Remembers what it was shown."""

    labels, model = LabelSet(["joy", "anger"]), ModelInfo("witness")

    def __init__(self, name="acoustic"):
        self.name, self.shown = name, []

    def predict(self, dialogue, audio=None, since=0):
        self.shown.append((dialogue, audio, None if audio is None else audio.duration_s))
        return ChannelResult(self.name, self.labels, np.log(np.full((len(dialogue), 2), 0.5)), (None,) * len(dialogue))


@pytest.fixture
def clips(tmp_path):
    """One actor's clips, a second of tone between silences, and one utterance without."""
    tone = 0.3 * np.sin(np.arange(16000) * 0.1)
    utterances = []
    for i in range(2):
        path = tmp_path / f"{i}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((np.pad(tone, 4000) * 32767).astype("<i2").tobytes())
        utterances.append(Utterance(f"u{i}", "ana", "Hi.", label="joy", audio=str(path), dimensions={"valence": 0.5}))
    utterances.append(Utterance("u2", "ana", "Hi.", start=3.0, end=4.0))
    return Dialogue("d", tuple(utterances), (Speaker("ana"),), groups={"fold": "1"}, genders={"ana": "female"})


def test_a_channel_is_shown_no_reference(clips):
    witness = Witness()
    (scored,) = score([clips], {"voice": witness})
    shown = witness.shown[0][0]
    assert all(u.label is None and u.dimensions is None for u in shown) and shown.groups is None and shown.genders is None
    assert [u.label for u in scored.dialogue] == ["joy", "joy", None]
    assert scored.results["voice"].channel == "voice"


def test_clips_follow_each_other_with_the_times_of_their_voices(clips):
    dialogue, audio = hear(clips)
    with audio:
        assert audio.duration_s == pytest.approx(2 * (1.5 + 0.5), abs=0.01)
    first, second, third = dialogue
    assert (first.start, first.end) == pytest.approx((0.25 + 0.25 - 0.1, 0.25 + 1.25 + 0.1), abs=0.05)
    assert second.start - first.start == pytest.approx(2.0, abs=0.05)
    assert third.start is None, "its times were of another recording"
    assert first.evidence.speech_s is not None


def test_what_degrades_the_sound_gets_each_clip_with_its_pauses(clips):
    heard = []
    _, audio = hear(clips, lambda samples, utterance: heard.append((utterance.id, len(samples))) or samples * 0)
    assert heard == [("u0", 32000), ("u1", 32000)]
    assert not audio.read().any()


def test_sound_is_closed_when_a_dialogue_is_done(clips):
    witness = Witness()
    score([clips], {"voice": witness})
    audio = witness.shown[0][1]
    assert isinstance(audio, Audio)
    with pytest.raises(ValueError, match="closed"):
        audio.read()


def test_sound_is_not_opened_for_who_only_reads(clips):
    silent = replace(clips, utterances=tuple(replace(u, audio="/no/such/file.wav") for u in clips))
    assert score([silent], {"text": Witness("text")})


def test_labels_are_those_that_occur_ours_first(clips):
    assert of([clips]) == ("joy",)
    assert ordered(["b", "anger", "a", "neutral"]) == ("neutral", "anger", "a", "b")
    with pytest.raises(ConfigError, match="utterances with a 'label'"):
        of([replace(clips, utterances=clips.utterances[2:])])


def test_further_labels_of_a_channel_are_left_out_and_the_rest_is_normalised():
    result = ChannelResult("t", LabelSet(["a", "b", "c"]), np.log([[0.2, 0.2, 0.6], [1, 1, 1]]), (None, "no text"))
    agreed = agree(result, LabelSet(["b", "a"]))
    assert agreed.probabilities(0) == pytest.approx({"a": 0.5, "b": 0.5})
    assert agreed.probabilities(1) is None


def test_a_channel_that_lacks_a_label_is_refused():
    with pytest.raises(ConfigError, match=r"channel 't' to choose among a, d, found no d among its a, b"):
        agree(ChannelResult("t", LabelSet(["a", "b"]), np.zeros((1, 2)), (None,)), LabelSet(["a", "d"]))


def test_a_spec_names_a_channel_by_its_kind_its_folder_or_its_file(tmp_path):
    from convemo.weights import ROOT

    assert open_channel("text", "default").name == "text"
    assert open_channel("mine", "text:default").name == "text"
    assert open_channel("mine", str(ROOT / "acoustic")).name == "acoustic"
    with pytest.raises(ConfigError, match="a model folder, or one of text:default"):
        open_channel("mine", "default")
    with pytest.raises(EngineUnavailable):
        open_channel("text", f"default:{tmp_path}")


def test_a_channel_is_told_of_the_machine_as_far_as_it_asks(monkeypatch):
    told = {}

    class Spoken:
        def __init__(self, argument, *, device, offline):
            told.update(argument=argument, device=device, offline=offline)

    monkeypatch.setattr(registry, "find", lambda kind, name: Spoken)
    open_channel("text", "transformers:PATH", device="cuda", offline=True, announce=print)
    assert told == {"argument": "PATH", "device": "cuda", "offline": True}


def test_what_a_channel_was_trained_on_is_what_its_manifest_says(tmp_path):
    (tmp_path / "model.json").write_text('{"id": "m", "channel": "text", "licence": "MIT", "files": {}, "trained_on": ["meld"]}')
    assert trained_on("mine", str(tmp_path)) == trained_on("text", f"default:{tmp_path}") == ("meld",)
    assert trained_on("llm", "answers.jsonl") == trained_on("text", "transformers:PATH") == ()
