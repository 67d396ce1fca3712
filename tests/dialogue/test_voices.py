"""Every utterance of a conversation described: who is, who is not, and on which channel."""

from dataclasses import replace

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.dialogue.voices import describe_voices, withhold_voices
from convemo.features.voice import describe
from convemo.types import Dialogue, Evidence, Speaker, Utterance, Word

RATE_HZ = 16_000


def tone(f0_hz: float, seconds: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return level * sum(np.sin(2 * np.pi * f0_hz * k * t) / k for k in range(1, 12))


def conversation(*f0_hz: float, speakers: str = "ab", each_s: float = 1.0) -> tuple[Dialogue, np.ndarray]:
    """Speakers in turn, each utterance a tone, a second long unless said otherwise."""
    sound = np.concatenate([tone(hz, each_s) for hz in f0_hz])
    utterances = tuple(Utterance(f"u{i}", speakers[i % len(speakers)], None, i * each_s, (i + 1) * each_s) for i in range(len(f0_hz)))
    return Dialogue("d", utterances, tuple(Speaker(s) for s in sorted(set(speakers)))), sound


def described(dialogue: Dialogue, sound: np.ndarray, visible=None) -> Dialogue:
    with Audio.from_array(sound, RATE_HZ) as audio:
        return describe_voices(dialogue, audio, range(len(dialogue)) if visible is None else visible)


def pitches(dialogue: Dialogue) -> list[float | None]:
    return [u.voice and u.voice["f0_mean_hz"] for u in dialogue]


def test_every_utterance_is_described():
    assert pitches(described(*conversation(120, 200, 130, 210))) == pytest.approx([120, 200, 130, 210], abs=0.5)


def test_a_deviation_is_from_the_same_speakers_earlier_utterances():
    found = described(*conversation(120, 200, 140, 180))
    deviations = [u.voice_deviation["f0_mean_hz"] for u in found]
    assert deviations[:2] == [None, None] and deviations[2] > 0 > deviations[3]


def test_causal_a_later_utterance_changes_no_earlier_one():
    dialogue, sound = conversation(120, 200, 140, 180, 160)
    whole, part = described(dialogue, sound), described(replace(dialogue, utterances=dialogue.utterances[:3]), sound)
    assert whole.utterances[:3] == part.utterances


def test_only_those_who_may_be_described_are_and_what_was_known_of_the_others_goes():
    dialogue, sound = conversation(120, 200, 130, 210)
    again = described(described(dialogue, sound), sound, visible=[0, 2])
    assert [u.voice is None and u.voice_deviation is None for u in again] == [False, True, False, True]
    assert [u.voice is None for u in withhold_voices(again, [2])] == [True, True, False, True]


def test_a_speaker_with_a_channel_is_heard_on_it_alone():
    both = np.stack([tone(120, 1.0), tone(200, 1.0)], axis=1)
    dialogue = Dialogue("d", tuple(Utterance(s, s, None, 0.0, 1.0) for s in "ab"), (Speaker("a", channel=0), Speaker("b", channel=1)))
    assert pitches(described(dialogue, both)) == pytest.approx([120, 200], abs=0.5)


@pytest.mark.parametrize(("start", "end"), [(None, None), (5.0, 6.0), (0.5, 0.55), (1.2, 1.9)])
def test_what_has_no_sound_has_no_description(start, end):
    dialogue = Dialogue("d", (Utterance("u", "a", "Hi.", start, end),), (Speaker("a"),))
    assert pitches(described(dialogue, np.concatenate([tone(120, 1.0), np.zeros(RATE_HZ)]))) == [None]


def test_a_long_utterance_is_described_in_parts_of_half_a_minute():
    (u,) = described(*conversation(150, each_s=31.0))
    assert u.voice["f0_mean_hz"] == pytest.approx(150, abs=0.5)


def test_words_give_a_rate_unless_they_are_a_translation():
    dialogue, sound = conversation(150, 150, each_s=2.0)
    words = tuple(Word(text) for text in ("one", "two", "three", "four"))
    dialogue = replace(dialogue, utterances=(replace(dialogue[0], words=words), replace(dialogue[1], text="one two")))
    assert [u.voice["speaking_rate_words_per_s"] for u in described(dialogue, sound)] == pytest.approx([2, 1], rel=0.02)
    foreign = described(replace(dialogue, translated_from="de"), sound)
    assert [u.voice["speaking_rate_words_per_s"] for u in foreign] == [None, None]


def test_a_telephone_is_listened_to_as_one():
    dialogue, sound = conversation(180)
    sound = sound + np.random.default_rng(0).normal(0, 0.005, len(sound))
    line = replace(dialogue, utterances=(replace(dialogue[0], evidence=Evidence(bandwidth_hz=3500.0)),))
    assert described(line, sound)[0].voice["f3_hz"] == pytest.approx(describe(sound, telephone=True)["f3_hz"], rel=0.01)
    assert described(dialogue, sound)[0].voice["f3_hz"] == pytest.approx(describe(sound)["f3_hz"], rel=0.01)
    assert describe(sound)["f3_hz"] != pytest.approx(describe(sound, telephone=True)["f3_hz"], rel=0.05)


def test_sound_sampled_at_8_khz_is_a_telephone_without_further_evidence():
    dialogue, sound = conversation(180)
    narrow = (sound + np.random.default_rng(0).normal(0, 0.005, len(sound)))[::2]
    with Audio.from_array(narrow, 8000) as audio:
        (u,), heard = describe_voices(dialogue, audio, [0]), audio.read(0.0, 1.0)
    assert u.voice["f3_hz"] == describe(heard, telephone=True)["f3_hz"] != describe(heard)["f3_hz"]
