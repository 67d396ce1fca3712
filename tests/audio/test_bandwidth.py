"""Bandwidth: telephone or wide, and silence where neither can be told."""

import numpy as np
import pytest
import soxr

from convemo.audio import Audio, load
from convemo.audio.bandwidth import upper_limit_hz
from convemo.audio.resample import RATE_HZ, to_int16
from convemo.audio.track import Track
from convemo.audio.vad import speech
from convemo.data import ravdess
from convemo.dialogue.evidence import measure
from convemo.training.sessions import Condition, perform
from convemo.types import Evidence


def syllables(seconds=20.0, level_db=-25.0, seed=0):
    """Half-second syllables with half-second pauses: a vowel that falls by 12 dB an octave, then an s."""
    rng = np.random.default_rng(seed)
    t = np.arange(RATE_HZ // 5) / RATE_HZ
    vowel = sum(np.sin(2 * np.pi * 150 * k * t) / k**2 for k in range(1, 40))
    hiss = np.diff(rng.normal(0, 0.05, RATE_HZ // 10 + 1))  # rises by 6 dB an octave
    one = np.concatenate([vowel, hiss, np.zeros(RATE_HZ // 5), np.zeros(RATE_HZ // 2)])
    one *= 10 ** (level_db / 20) / np.sqrt(np.mean(vowel**2))
    return np.tile(one, int(seconds)), (np.arange(len(one)) < 0.3 * RATE_HZ)


def measured(samples, speaking):
    """The limit of this sound, `speaking` saying when there is a voice in each syllable."""
    track = Track(Audio.from_array(samples.astype(np.float32), RATE_HZ), None)
    frames = slice(0, len(track.power))
    voice = np.resize(speaking, len(samples))[np.minimum((track.times(frames) * RATE_HZ).astype(int), len(samples) - 1)]
    return upper_limit_hz(track.levels_db(frames)[voice], track.levels_db(frames)[~voice])


def banded(samples, low_hz, high_hz):
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    return np.fft.irfft(spectrum, len(samples))


def noise(samples, snr_db, seed=1):
    power = np.mean(samples**2) * 10 ** (-snr_db / 10)
    return np.random.default_rng(seed).normal(0, np.sqrt(power), len(samples))


@pytest.mark.parametrize("level_db", [-15, -45])
def test_a_wide_voice_reaches_8_khz_loud_or_quiet(level_db):
    assert measured(*syllables(level_db=level_db)) == 8000.0


def test_a_constant_offset_of_the_samples_hides_no_band():
    samples, speaking = syllables(level_db=-45)
    assert measured(samples + 0.3, speaking) == 8000.0


@pytest.mark.parametrize(("high_hz", "found"), [(3400, 3500), (4900, 5000), (6400, 6500)])
def test_the_edge_is_found_to_500_hz(high_hz, found):
    samples, speaking = syllables()
    assert measured(banded(samples, 300, high_hz), speaking) == found


def test_a_recording_that_was_made_at_8_khz_stays_a_telephone_at_16_khz():
    samples, speaking = syllables()
    assert measured(soxr.resample(soxr.resample(samples, RATE_HZ, 8000), 8000, RATE_HZ), speaking) == 4000.0


def test_noise_in_the_room_of_a_caller_does_not_make_the_line_wide():
    samples, speaking = syllables()
    assert measured(banded(samples + noise(samples, 15), 300, 3400), speaking) == 3500.0


def test_a_wide_voice_stays_wide_in_noise_that_leaves_its_s_audible():
    samples, speaking = syllables()
    assert measured(samples + noise(samples, 25), speaking) == 8000.0


def test_under_noise_that_would_hide_an_s_nothing_is_claimed():
    samples, speaking = syllables()
    for voice in (samples, banded(samples, 300, 3400)):
        assert measured(voice + noise(samples, 5), speaking) is None


def test_silence_a_single_word_and_noise_alone_have_no_bandwidth():
    samples, speaking = syllables()
    assert measured(np.zeros_like(samples), speaking) is None
    assert measured(noise(samples, 0), speaking) is None
    assert upper_limit_hz(np.full((15, 16), -20.0), np.full((100, 16), -90.0)) is None


def test_without_pauses_the_quietest_frames_of_the_voice_are_the_floor():
    samples, speaking = syllables()
    voice = banded(samples, 300, 3400)
    assert measured(voice, np.ones_like(speaking)) == 3500.0


@pytest.mark.parametrize(("suffix", "codec", "rate_hz", "bit_rate", "kind"), [
    ("mp3", "libmp3lame", 8000, 8_000, "telephone"),
    ("mp3", "libmp3lame", 16_000, 24_000, "wide"),
    ("ogg", "libopus", 8000, 8_000, "telephone"),
    ("ogg", "libopus", 16_000, 20_000, "wide"),
])  # fmt: skip
def test_coded_at_a_low_rate_it_is_what_the_line_was(tmp_path, suffix, codec, rate_hz, bit_rate, kind):
    samples, speaking = syllables()
    path = coded(tmp_path / f"a.{suffix}", codec, soxr.resample(samples, RATE_HZ, rate_hz), rate_hz, bit_rate)
    with load(path) as audio:
        found = audio.read()
    late = int(np.argmax(np.correlate(found[: RATE_HZ * 2], samples[:RATE_HZ], "valid")))  # a coder's delay
    limit_hz = measured(np.roll(found, -late), speaking)
    assert Evidence(bandwidth_hz=limit_hz).bandwidth == kind


def coded(path, codec, samples, rate_hz, bit_rate):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(to_int16(samples)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.data
@pytest.mark.parametrize("actor", ["06", "07"])  # of the training part, where the thresholds were set
def test_real_voices_are_wide_as_recorded_and_a_telephone_after_a_call(data_root, actor):
    (voice,) = [d for d in ravdess.load(data_root / "ravdess") if d.id == f"ravdess-{actor}"]
    for condition, kind in ((Condition(), "wide"), (Condition(telephone=True), "telephone")):
        samples, dialogue = perform(voice.utterances[:40:8], condition, np.random.default_rng(0))
        with Audio.from_array(samples, RATE_HZ) as audio:
            found = measure(dialogue, audio, speech(audio))
        assert {u.evidence.bandwidth for u in found} == {kind}
