"""What `load` and `probe` promise of files that are what they seem."""

import hashlib

import numpy as np
import pytest

from convemo.audio import load, probe


@pytest.mark.parametrize(
    "name, codec, rate_hz",
    [
        ("a.wav", "pcm_s16le", 16_000),
        ("a.wav", "pcm_mulaw", 8_000),
        ("a.flac", "flac", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.webm", "libopus", 48_000),
        ("a.mp3", "libmp3lame", 22_050),
        ("a.aiff", "pcm_s16be", 22_050),
        ("a.au", "pcm_s16be", 8_000),
        ("a.caf", "pcm_s16le", 48_000),
        ("a.w64", "pcm_s16le", 32_000),
        ("a.mka", "flac", 96_000),
    ],
)
def test_every_format_gives_its_sound_at_16_khz(tmp_path, media, name, codec, rate_hz):
    tone = media.tone(3.0, rate_hz)
    with load(media.encode(tmp_path / name, codec, tone, rate_hz)) as audio:
        samples = audio.read()
        assert audio.duration_s == pytest.approx(3.0, abs=0.1)
        assert audio.recording.rate_hz == rate_hz and audio.channels == 1
        assert audio.recording.format.endswith(codec.removeprefix("lib").replace("mp3lame", "mp3float"))
    spectrum = np.abs(np.fft.rfft(samples[16_000:32_000]))
    assert spectrum.argmax() == pytest.approx(440, abs=1)
    assert np.sqrt((samples[16_000:32_000] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert audio.notes == ()


def test_sixteen_bits_at_16_khz_come_through_unchanged(tmp_path, media):
    original = np.random.default_rng(0).integers(-32768, 32768, 20_000) / 32768
    with load(media.wav(tmp_path / "a.wav", original)) as audio:
        np.testing.assert_array_equal(audio.read(), original.astype(np.float32))


def test_the_recording_names_the_file_its_hash_and_its_shape(tmp_path, media):
    path = media.wav(tmp_path / "a.wav", np.zeros((8_000, 2)), 8_000)
    recording = load(path).recording
    assert recording == probe(path)
    assert (recording.path, recording.channels, recording.rate_hz, recording.duration_s) == (str(path), 2, 8_000, 1.0)
    assert recording.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert recording.format == "wav/pcm_s16le"


def test_the_name_of_a_file_does_not_matter_only_what_it_is(tmp_path, media):
    path = media.encode(tmp_path / "a.flac", "flac", media.tone(1.0), 16_000).rename(tmp_path / "call.wav")
    assert load(path).recording.format == "flac/flac"


def test_stereo_channels_stay_apart(tmp_path, media):
    left, right = media.tone(1.0, hz=300), media.tone(1.0, hz=1000)
    with load(media.encode(tmp_path / "a.flac", "flac", np.stack([left, right], axis=1), 16_000, "stereo")) as audio:
        np.testing.assert_allclose(audio.read(channel=0), left, atol=1e-4)
        np.testing.assert_allclose(audio.read(channel=1), right, atol=1e-4)
        np.testing.assert_allclose(audio.read(), (left + right) / 2, atol=1e-4)


def test_silence_is_a_recording_too(tmp_path, media):
    with load(media.wav(tmp_path / "a.wav", np.zeros(16_000))) as audio:
        assert audio.duration_s == 1.0 and not audio.read().any()


def test_progress_ends_at_the_whole(tmp_path, media):
    seen = []
    load(media.wav(tmp_path / "a.wav", np.zeros(8_000 * 100), 8_000), progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and len(seen) > 2
    assert seen[-1] == (100.0, 100.0)


def test_a_file_of_unknown_length_is_probed_to_its_end(tmp_path, media):
    path = media.encode(tmp_path / "a.aac", "aac", media.tone(5.0), 16_000)
    assert probe(path).duration_s == pytest.approx(5.0, abs=0.5)


def test_a_gap_in_the_clock_becomes_silence(tmp_path, media):
    import av

    path = tmp_path / "muted.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for begin_s in (0.0, 3.0):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), 8_000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, round(begin_s * 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with load(path) as audio:
        assert audio.duration_s == pytest.approx(4.0, abs=0.01)
        assert [bool(audio.read(t, t + 0.5).any()) for t in (0.2, 1.2, 2.2, 3.2)] == [True, False, False, True]
        assert audio.notes == ("2.0 s of silence stand in for gaps in the file",)


def test_decoding_connects_to_nothing(tmp_path, media, monkeypatch):
    import socket

    def refuse(*_args, **_settings):
        raise AssertionError("a connection was opened")

    path = media.wav(tmp_path / "a.wav", media.tone(1.0))
    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load(path).duration_s == 1.0
