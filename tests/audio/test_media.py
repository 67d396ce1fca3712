"""Any medium: duration, channels and their order, pitch, level and times come out as they went in."""

import struct

import numpy as np
import pytest

from convemo.audio import load, probe
from convemo.audio.resample import RATE_HZ

LAYOUTS = ("", "mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1")
LOW = {"2.1": 2, "5.1": 3, "6.1": 3, "7.1": 3}  # the channel for low frequencies only, which some codecs filter

BEGIN_S, END_S, WHOLE_S = 0.5, 1.5, 2.0


def pitches(channels: int) -> list[int]:
    return [80 if LOW.get(LAYOUTS[channels]) == i else 300 + 100 * i for i in range(channels)]


def scene(rate_hz: int, channels: int = 1) -> np.ndarray:
    """Silence, a second of a tone of its own in each channel at half of full scale, silence; ``(n, channels)``."""
    t = np.arange(round(WHOLE_S * rate_hz)) / rate_hz
    sounding = (t >= BEGIN_S) & (t < END_S)
    return np.stack([0.5 * np.sin(2 * np.pi * hz * t) * sounding for hz in pitches(channels)], axis=1)


def times(samples: np.ndarray) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(samples) > 0.15)
    return loud[0] / RATE_HZ, loud[-1] / RATE_HZ


def check(path, rate_hz: int, channels: int) -> None:
    """Loads what `scene` has made, and hears whether it is still that."""
    with load(path) as audio:
        assert audio.notes == ()
        assert (audio.recording.rate_hz, audio.channels) == (rate_hz, channels)
        assert audio.duration_s == pytest.approx(WHOLE_S, abs=0.06)  # a last frame may be filled up
        for channel, hz in enumerate(pitches(channels)):
            samples = audio.read(channel=channel)
            assert times(samples) == pytest.approx((BEGIN_S, END_S), abs=0.025)  # AMR's own delay is 20 ms
            tone = samples[round((BEGIN_S + 0.2) * RATE_HZ) : round((BEGIN_S + 0.8) * RATE_HZ)]
            spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone))))
            assert spectrum.argmax() * RATE_HZ / len(tone) == pytest.approx(hz, abs=4)
            assert 20 * np.log10(np.sqrt(2 * np.mean(tone**2)) / 0.5) == pytest.approx(0.0, abs=1.2)
    assert probe(path).duration_s == pytest.approx(WHOLE_S, abs=0.2)


WAV = (
    *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
    *("adpcm_ms", "adpcm_ima_wav", "g722", "mp2", "libmp3lame"),
)
RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
CASES = [
    *[("a.wav", codec, 16_000, 1) for codec in WAV],
    *[("a.wav", "pcm_s16le", rate_hz, 1) for rate_hz in RATES_HZ],
    *[("a.wav", "pcm_s24le", 48_000, channels) for channels in range(2, 9)],  # WAVE_FORMAT_EXTENSIBLE
    *[("a.flac", "flac", rate_hz, n) for rate_hz, n in ((8_000, 1), (16_000, 2), (44_100, 6), (96_000, 3), (192_000, 8))],
    *[("a.mp3", "libmp3lame", rate_hz, n) for rate_hz, n in ((8_000, 1), (16_000, 2), (22_050, 2), (44_100, 2), (48_000, 1))],
    *[("a.ogg", "libopus", 48_000, channels) for channels in (1, 2, 4, 6, 8)],  # FFmpeg's encoder mixes up those of 5.0 and 6.1
    *[("a.ogg", "vorbis", rate_hz, 2) for rate_hz in (8_000, 16_000, 44_100, 48_000)],
    *[("a.ogg", "flac", 16_000, 1), ("a.opus", "libopus", 48_000, 1)],
    *[(name, "aac", hz, n) for name in ("a.m4a", "a.mp4", "a.aac") for hz, n in ((8_000, 1), (16_000, 2), (44_100, 2), (48_000, 8))],
    *[("a.m4a", "alac", 44_100, 2), ("a.mp4", "libmp3lame", 44_100, 2), ("a.mp4", "libopus", 48_000, 2), ("a.mov", "pcm_s16le", 44_100, 2)],
    *[("a.webm", "libopus", 48_000, 2), ("a.webm", "vorbis", 44_100, 2), ("a.mka", "pcm_s16le", 16_000, 4), ("a.mka", "aac", 48_000, 6)],
    *[("a.mka", "ac3", 48_000, 6), ("a.mka", "libmp3lame", 44_100, 2), ("a.mka", "flac", 96_000, 1)],
    *[
        ("a.aiff", "pcm_s16be", 22_050, 2),
        ("a.aiff", "pcm_s24be", 96_000, 1),
        ("a.au", "pcm_s16be", 8_000, 1),
        ("a.au", "pcm_mulaw", 8_000, 1),
    ],
    *[("a.caf", "pcm_s16le", 48_000, 8), ("a.caf", "alac", 48_000, 2), ("a.w64", "pcm_s16le", 48_000, 2)],
    *[("a.amr", "libopencore_amrnb", 8_000, 1), ("a.3gp", "libopencore_amrnb", 8_000, 1), ("a.3gp", "aac", 16_000, 1)],
    *[("a.wma", "wmav2", 44_100, 2), ("a.wma", "wmav1", 16_000, 1), ("a.wma", "wmav2", 8_000, 1)],
]


@pytest.mark.parametrize("name, codec, rate_hz, channels", CASES, ids=lambda value: str(value))
def test_it_comes_out_as_it_went_in(tmp_path, media, name, codec, rate_hz, channels):
    import av

    try:
        av.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this PyAV has no encoder {codec}")
    check(media.encode(tmp_path / name, codec, scene(rate_hz, channels), rate_hz, LAYOUTS[channels]), rate_hz, channels)


# Headers as they are found in the wild ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFF000, 0])
def test_a_wav_that_was_written_to_a_pipe_has_no_size(tmp_path, media, size):
    data = bytearray(media.wav(tmp_path / "a.wav", scene(16_000)).read_bytes())
    data[4:8], data[40:44] = struct.pack("<I", min(size + 36, 0xFFFFFFFF)), struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(data)
    check(tmp_path / "a.wav", 16_000, 1)


def test_a_wav_whose_header_names_too_little_says_so(tmp_path, media):
    data = bytearray(media.wav(tmp_path / "a.wav", scene(16_000)).read_bytes())
    data[40:44] = struct.pack("<I", 3_200)
    (tmp_path / "a.wav").write_bytes(data)
    with load(tmp_path / "a.wav") as audio:
        assert audio.duration_s == pytest.approx(0.1)
        assert audio.notes == ("its header gives 0.10 s of sound; 60800 bytes that follow were not read",)


def test_a_wav_of_more_than_four_gigabytes_has_another_header(tmp_path, media):
    path = media.encode(tmp_path / "a.wav", "pcm_s16le", scene(16_000), 16_000, rf64="always")
    assert path.read_bytes()[:4] == b"RF64"
    check(path, 16_000, 1)


def test_bytes_after_the_sound_do_no_harm(tmp_path, media):
    for name, codec in (("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac")):
        path = media.encode(tmp_path / name, codec, scene(16_000), 16_000)
        path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
        check(path, 16_000, 1)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("head", [b"", b"ID3\x03\0\0\0\x10\0\0" + bytes(16 * 16_384), b"\x11\x22" * 3_000], ids=["bare", "tag", "junk"])
def test_an_mp3_without_a_header_of_its_own(tmp_path, media, rate_hz, head):
    """As dictaphones and broadcasters write them. The tag is as large as one with a picture of the cover."""
    path = media.encode(tmp_path / "a.mp3", "libmp3lame", scene(rate_hz), rate_hz, write_xing="0", id3v2_version="0")
    path.write_bytes(head + path.read_bytes())
    check(path, rate_hz, 1)


def test_a_cover_picture_is_no_video(tmp_path, media):
    """An MP3 with an ID3 tag that holds a picture: FFmpeg shows it as a second track."""
    picture = b"\0image/png\0\3\0" + b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde" + bytes(64)
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    tag = b"ID3\x03\0\0" + bytes([0, 0, len(frame) >> 7, len(frame) & 127]) + frame
    path = media.encode(tmp_path / "a.mp3", "libmp3lame", scene(16_000), 16_000, id3v2_version="0")
    path.write_bytes(tag + path.read_bytes())
    check(path, 16_000, 1)


def test_tags_may_be_in_any_encoding(tmp_path, media):
    data = media.wav(tmp_path / "a.wav", scene(16_000)).read_bytes()
    tag = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + "Jörg".encode("latin-1")
    (tmp_path / "a.wav").write_bytes(data[:36] + tag + data[36:])
    check(tmp_path / "a.wav", 16_000, 1)


# Tracks and clocks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_s", [0.0, 0.1, 0.3, 3.0])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_times_count_from_the_beginning_of_the_video(tmp_path, media, name, late_s):
    path = media.encode_tracks(tmp_path / name, "aac", [(late_s, scene(48_000))], 48_000, pictures=100)
    with load(path) as audio:
        assert times(audio.read()) == pytest.approx((late_s + BEGIN_S, late_s + END_S), abs=0.015)
        assert audio.notes == ((f"the sound begins {late_s:.1f} s into the file",) if late_s >= 0.3 else ())


def test_of_several_tracks_the_first_is_read_unless_another_is_marked(tmp_path, media):
    low, high = media.tone(1.0, hz=300), media.tone(1.0, hz=900)
    with load(media.encode_tracks(tmp_path / "a.mka", "flac", [(0.0, low), (0.0, high)], 16_000)) as audio:
        np.testing.assert_allclose(audio.read(), low, atol=1e-4)
        assert audio.notes == ("of 2 audio tracks, number 1 was read",)


def test_a_rate_that_changes_halfway(tmp_path, media):
    """Two recordings joined end to end, as some dictation systems do."""
    parts = [media.encode(tmp_path / f"{hz}.aac", "aac", scene(hz, n), hz, LAYOUTS[n]).read_bytes() for hz, n in ((16_000, 1), (44_100, 2))]
    (tmp_path / "a.aac").write_bytes(b"".join(parts))
    with load(tmp_path / "a.aac") as audio:
        assert (audio.recording.rate_hz, audio.channels) == (16_000, 1)
        assert audio.duration_s == pytest.approx(2 * WHOLE_S, abs=0.1)
        assert times(audio.read(0.0, 2.0)) == pytest.approx((BEGIN_S, END_S), abs=0.015)
        assert times(audio.read(2.0, 4.0)) == pytest.approx((BEGIN_S, END_S), abs=0.1)  # and the run-in of the second


def test_recordings_of_one_kind_that_are_joined_are_all_read(tmp_path, media):
    data = media.encode(tmp_path / "one.ogg", "libopus", scene(48_000), 48_000).read_bytes()
    (tmp_path / "a.ogg").write_bytes(2 * data)
    with load(tmp_path / "a.ogg") as audio:
        assert audio.duration_s == pytest.approx(2 * WHOLE_S, abs=0.02)


def test_a_recording_of_another_kind_joined_on_is_told(tmp_path, media):
    parts = [media.encode(tmp_path / f"{n}.ogg", "libopus", scene(48_000, n), 48_000, LAYOUTS[n]).read_bytes() for n in (1, 2)]
    (tmp_path / "a.ogg").write_bytes(b"".join(parts))
    with load(tmp_path / "a.ogg") as audio:
        assert audio.duration_s == pytest.approx(WHOLE_S, abs=0.02)
        assert audio.notes == ("what follows after 2.0 s cannot be read: it is damaged, or another kind of recording joined on",)
