"""Degradations: as bad as was asked for, and the same for an utterance whatever else is evaluated."""

import numpy as np
import pytest

from convemo.audio.degrade import CODECS, through_codec
from convemo.audio.resample import RATE_HZ
from convemo.errors import ConfigError
from convemo.evaluation import degrade_audio, degrade_speakers, degrade_text, missing
from convemo.evaluation.degrade_audio import AudioCondition
from convemo.evaluation.degrade_speakers import SpeakerCondition
from convemo.evaluation.degrade_text import TextCondition, measured_error_rate
from convemo.evaluation.missing import MissingCondition
from convemo.types import ChannelResult, Dialogue, LabelSet, Speaker, Utterance

SENTENCES = ("Well, I NEVER saw the cat there!", "The dog is on the mat, isn't it?", "They then went home; nobody saw them.")


def talk(id: str, turns: int = 12) -> Dialogue:
    people = ("ana", "ben", "cy")
    return Dialogue(
        id,
        tuple(Utterance(f"u{i}", people[i % 3], SENTENCES[i % 3], audio=f"{i}.wav") for i in range(turns)),
        tuple(map(Speaker, people)),
    )


TALKS = tuple(talk(f"d{i}") for i in range(30))


def texts(dialogues):
    return [u.text for d in dialogues for u in d]


def voice(seconds: float = 2.0) -> np.ndarray:
    """A hum of 1 s between two silences."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.1 * np.sin(2 * np.pi * 440 * t) * ((t > 0.5) & (t < 1.5))).astype(np.float32)


def test_punctuated_leaves_the_words_as_they_are():
    assert degrade_text.degrade(TALKS, TextCondition.parse("punctuated")) == TALKS


def test_raw_is_lower_case_without_punctuation():
    assert degrade_text.degrade(TALKS[:1], TextCondition.parse("raw"))[0][1].text == "the dog is on the mat isn't it"


@pytest.mark.parametrize("spec", ["asr-noise=0.1", "asr-noise=0.3", "raw,asr-noise=0.3"])
def test_the_measured_word_error_rate_is_the_one_that_was_asked_for(spec):
    condition = TextCondition.parse(spec)
    heard = degrade_text.degrade(TALKS, condition)
    assert measured_error_rate(TALKS, heard) == pytest.approx(condition.error_rate, abs=0.035)
    assert any("," in text for text in texts(heard)) is not condition.raw
    assert all(u.evidence.asr_confidence is not None for d in heard for u in d if u.text)


@pytest.mark.parametrize(
    "degrade",
    [
        lambda dialogues: degrade_text.degrade(dialogues, TextCondition.parse("asr-noise=0.3")),
        lambda dialogues: degrade_speakers.degrade(dialogues, SpeakerCondition.parse("error=0.3")),
        lambda dialogues: missing.degrade(dialogues, MissingCondition.parse("text=0.3,acoustic=0.3")),
    ],
    ids=["text", "speakers", "missing"],
)
def test_an_utterance_is_degraded_alike_whatever_the_order(degrade):
    forward, backward = degrade(TALKS), degrade(TALKS[::-1])
    assert forward == backward[::-1] != TALKS


def test_speakers_are_confused_with_others_of_their_dialogue_at_the_rate_that_was_asked_for():
    heard = degrade_speakers.degrade(TALKS, SpeakerCondition.parse("error=0.2"))
    wrong = [u.speaker != v.speaker for d, e in zip(TALKS, heard) for u, v in zip(d, e)]
    assert np.mean(wrong) == pytest.approx(0.2, abs=0.06)
    worse = degrade_speakers.degrade(TALKS, SpeakerCondition.parse("error=0.4"))
    assert all(v.speaker != u.speaker for d, e in zip(TALKS, worse) for u, v in zip(d, e) if wrong.pop(0))


def test_who_speaks_alone_keeps_what_they_say():
    alone = (Dialogue("d", (Utterance("u", "ana", "Hello."),), (Speaker("ana"),)),)
    assert degrade_speakers.degrade(alone, SpeakerCondition.parse("error=1")) == alone


def test_what_is_missing_is_gone_from_the_input_and_from_the_scores():
    condition = MissingCondition.parse("acoustic=0.5,llm")
    heard = missing.degrade(TALKS, condition)
    lost = [u.audio is None for d in heard for u in d]
    assert np.mean(lost) == pytest.approx(0.5, abs=0.1) and texts(heard) == texts(TALKS)
    result = ChannelResult("llm", LabelSet(("calm", "upset")), np.log(np.full((12, 2), 0.5)), (None,) * 12)
    assert not missing.withhold(result, "llm", TALKS[0], condition).valid.any()
    assert missing.withhold(result, "text", TALKS[0], condition) is result
    kept = missing.withhold(result, "acoustic", TALKS[0], condition).valid
    assert kept.tolist() == [u.audio is not None for u in heard[0]]


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_noise_is_measured_against_the_voice_where_it_speaks(snr_db):
    clean, said = voice(), slice(round(0.6 * RATE_HZ), round(1.4 * RATE_HZ))
    noise = degrade_audio.degrade(clean, AudioCondition.parse(f"snr={snr_db:g}"), "d", "u") - clean
    assert 10 * np.log10(np.mean(clean[said] ** 2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=1.0)


def test_noise_belongs_to_the_utterance():
    one, again, other = (degrade_audio.degrade(voice(), AudioCondition.parse("snr=5"), "d", id) for id in ("u1", "u1", "u2"))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_telephone_leaves_nothing_above_its_band():
    clean = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    heard = degrade_audio.degrade(clean, AudioCondition.parse("telephone"), "d", "u")
    power = np.abs(np.fft.rfft(heard)) ** 2
    assert len(heard) == len(clean) and power[4200:].sum() < 1e-3 * power.sum()


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_keeps_length_and_place(codec):
    t = np.arange(RATE_HZ) / RATE_HZ
    clean = 0.3 * np.sin(2 * np.pi * (300 + 400 * t) * t) * np.hanning(len(t))
    heard = through_codec(clean, codec, 32)
    assert len(heard) == len(clean) and np.corrcoef(clean, heard)[0, 1] > 0.9


def test_an_impulse_response_is_read_from_a_file(tmp_path, write_wave):
    response = np.zeros(1600, np.float32)
    response[[0, 800]] = 0.5
    heard = degrade_audio.degrade(voice(), AudioCondition.parse(f"reverb={write_wave(tmp_path / 'room.wav', response)}"), "d", "u")
    after = slice(round(1.51 * RATE_HZ), round(1.54 * RATE_HZ))
    assert np.abs(voice()[after]).max() < 1e-6 < 0.02 < np.abs(heard[after]).max()


@pytest.mark.parametrize(
    ("parse", "spec", "possible"),
    [
        (TextCondition.parse, "loud", "punctuated, raw, asr-noise=RATE"),
        (TextCondition.parse, "asr-noise", "asr-noise=RATE"),
        (TextCondition.parse, "asr-noise=2", "from 0 to 1"),
        (TextCondition.parse, "raw,raw", "raw"),
        (TextCondition.parse, "punctuated,raw", "alone"),
        (TextCondition.parse, "", "punctuated"),
        (AudioCondition.parse, "snr=loud", "from -20 to 60"),
        (AudioCondition.parse, "codec=opus", "codec=opus16"),
        (AudioCondition.parse, "codec=flac16", "opus"),
        (AudioCondition.parse, "reverb=nowhere.wav", "a sound file"),
        (AudioCondition.parse, "snr=5,noise=nowhere", "a folder with sound files"),
        (AudioCondition.parse, "noise=nowhere", "snr=DB"),
        (SpeakerCondition.parse, "error=-1", "from 0 to 1"),
        (MissingCondition.parse, "text=", "CHANNEL"),
        (MissingCondition.parse, "text=x", "from 0 to 1"),
    ],
)
def test_a_bad_specification_says_what_is_possible(parse, spec, possible):
    with pytest.raises(ConfigError, match=possible):
        parse(spec)


@pytest.mark.parametrize("spec", ["punctuated", "raw", "raw,asr-noise=0.2"])
def test_a_specification_is_written_as_it_is_read(spec):
    assert str(TextCondition.parse(spec)) == spec


@pytest.mark.parametrize("spec", ["none", "telephone", "snr=10,telephone,codec=opus16"])
def test_a_specification_of_sound_is_written_as_it_is_read(spec):
    assert str(AudioCondition.parse(spec)) == spec


def test_nothing_may_be_left_of_no_channel():
    with pytest.raises(ConfigError, match="at least one channel"):
        MissingCondition.parse("text,acoustic").check(["text", "acoustic"])
    with pytest.raises(ConfigError, match="channels among text"):
        MissingCondition.parse("smell").check(["text"])
