"""`Audio`: stretches, channels, windows, and sound from memory."""

import gc
import os
import tempfile

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.errors import AudioError, LimitExceeded
from convemo.limits import Limits


@pytest.fixture
def ramp() -> Audio:
    return Audio.from_array(np.arange(32_000, dtype=np.int16), 16_000)


def test_a_stretch_is_cut_to_the_recording(ramp):
    assert len(ramp.read()) == 32_000
    assert len(ramp.read(1.5, 99.0)) == 8_000
    assert len(ramp.read(-5.0, 0.5)) == 8_000
    assert len(ramp.read(1.0, 0.5)) == len(ramp.read(7.0, 8.0)) == 0


def test_a_stretch_holds_the_samples_of_its_time(ramp):
    np.testing.assert_array_equal(ramp.read(0.5, 0.75) * 32_768, np.arange(8_000, 12_000))
    assert ramp.read().dtype == np.float32


def test_a_time_that_is_no_number_is_refused(ramp):
    with pytest.raises(ValueError, match="NaN"):
        ramp.read(float("nan"))


def test_a_channel_is_a_view_that_outlives_nothing(media):
    stereo = np.stack([media.tone(1.0), np.zeros(16_000, np.float32)], axis=1)
    audio = Audio.from_array(stereo, 16_000)
    with audio.channel(1) as right:
        assert right.channels == 1 and not right.read().any() and right.recording is audio.recording
        assert not right.channel(0).read(channel=0).any()
    assert audio.channel(0).read().any()
    with pytest.raises(IndexError):
        audio.channel(2)
    with pytest.raises(IndexError):
        audio.read(channel=-1)


def test_windows_cover_all_and_repeat_nothing_at_the_end(ramp):
    windows = list(ramp.windows(1.0, overlap_s=0.5))
    assert [start for start, _ in windows] == [0.0, 0.5, 1.0]
    assert {len(samples) for _, samples in windows} == {16_000}
    assert [(start, len(samples)) for start, samples in ramp.windows(5.0)] == [(0.0, 32_000)]
    with pytest.raises(ValueError, match="do not move on"):
        next(ramp.windows(1.0, overlap_s=1.0))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_an_array_of_any_rate_keeps_its_length_pitch_and_level(media, rate_hz):
    audio = Audio.from_array(media.tone(2.0, rate_hz), rate_hz)
    assert audio.duration_s == pytest.approx(2.0, abs=0.001)
    middle = audio.read(0.5, 1.5)
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert middle.max() == pytest.approx(0.5, abs=0.01)
    assert (audio.recording.rate_hz, audio.recording.duration_s, audio.recording.path) == (rate_hz, 2.0, None)


def test_a_long_array_is_resampled_without_seams(media):
    """Blocks of a minute go through one filter: nothing clicks at the border."""
    audio = Audio.from_array(media.tone(62.0, 8_000), 8_000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(59 * 16_000, 61 * 16_000) / 16_000)
    np.testing.assert_allclose(audio.read(59.0, 61.0), expected, atol=2e-3)


@pytest.mark.parametrize("dtype, half", [(np.uint8, 192), (np.int8, 64), (np.int16, 16_384), (np.int32, 2**30), (np.float64, 0.5)])
def test_integers_are_scaled_by_their_type(dtype, half):
    assert Audio.from_array(np.full(1_600, half, dtype), 16_000).read() == pytest.approx(0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_array_with_a_sample_that_is_no_number_is_refused(bad):
    samples = np.zeros(48_000)
    samples[24_000] = bad
    with pytest.raises(AudioError, match=r"NaN or infinity at 1\.500 s"):
        Audio.from_array(samples, 16_000)


@pytest.mark.parametrize(
    "samples, words",
    [
        (np.zeros(0), "shape"),
        (np.zeros((3, 4, 5)), "shape"),
        (np.zeros((2, 16_000)), "samples.T"),
        (np.zeros(100, np.int64), "int64"),
        (np.zeros(100, bool), "bool"),
        (np.zeros(100, complex), "complex"),
        (np.full(100, 20_000.0), "Divide by full scale"),
    ],
)
def test_an_array_of_another_shape_type_or_unit_is_refused(samples, words):
    with pytest.raises(AudioError, match=words):
        Audio.from_array(samples, 16_000)


def test_an_array_obeys_the_limits():
    with pytest.raises(LimitExceeded):
        Audio.from_array(np.zeros(32_000), 16_000, Limits(max_duration_s=1))
    with pytest.raises(LimitExceeded):
        Audio.from_array(np.zeros(32_000), 100)
    with pytest.raises(LimitExceeded):
        Audio.from_array(np.zeros((100, 9)), 16_000)


def test_the_same_array_has_the_same_hash_and_another_has_not():
    one, same, other = (Audio.from_array(np.full(1_600, v), 16_000).recording.sha256 for v in (0.1, 0.1, 0.2))
    assert one == same != other


def test_without_a_folder_to_write_to_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path / "nowhere"))
    with pytest.raises(AudioError, match=r"room for the decoded sound, found .*TMPDIR"):
        Audio.from_array(np.zeros(100), 16_000)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_the_spool_goes_when_the_sound_goes():
    def spools() -> int:
        links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        return sum("convemo-" in os.readlink(link) or "(deleted)" in os.readlink(link) for link in links if os.path.islink(link))

    gc.collect()
    before = spools()
    closed, dropped = Audio.from_array(np.zeros(100), 16_000), Audio.from_array(np.zeros(100), 16_000)
    assert spools() == before + 2
    closed.close()
    del dropped
    gc.collect()
    assert spools() == before
    with pytest.raises(ValueError, match="closed"):
        closed.read()
