"""Files that break other tools, made when a test asks for them."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.audio.conftest import encode, encode_tracks, float_wav, tone, write_wav

HOSTILE: dict[str, Callable[[Path], Path | str]] = {}
"""Name → builder: given an empty folder, it gives what to analyse."""


def hostile(build: Callable[[Path], Path | str]) -> Callable[[Path], Path | str]:
    HOSTILE[build.__name__.replace("_", " ")] = build
    return build


def _written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _tone_in(folder: Path) -> Path:
    return write_wav(folder / "inner.wav", tone(1.0))


# No file at all, or no ordinary one ---------------------------------------------------------------------------------


@hostile
def missing_file(folder):
    return folder / "nothing.wav"


@hostile
def empty_file(folder):
    return _written(folder / "a.wav", b"")


@hostile
def one_byte(folder):
    return _written(folder / "a.wav", b"R")


@hostile
def directory(folder):
    return folder


@hostile
def url(folder):
    return "http://127.0.0.1:9/call.wav"


@hostile
def pipe(folder):
    os.mkfifo(folder / "a.wav")
    return folder / "a.wav"


@hostile
def endless_device(folder):
    return "/dev/zero"


@hostile
def link_to_an_endless_device(folder):
    (folder / "a.wav").symlink_to("/dev/zero")
    return folder / "a.wav"


@hostile
def loop_of_links(folder):
    (folder / "a.wav").symlink_to("b.wav")
    (folder / "b.wav").symlink_to("a.wav")
    return folder / "a.wav"


@hostile
def name_that_is_too_long(folder):
    return folder / ("x" * 5000 + ".wav")


# Something else -----------------------------------------------------------------------------------------------------


@hostile
def text_named_wav(folder):
    return _written(folder / "a.wav", "Hello, this is the call.\n" * 99)


@hostile
def web_page_named_mp3(folder):
    return _written(folder / "a.mp3", "<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 20)


@hostile
def zip_named_mp3(folder):
    import zipfile

    with zipfile.ZipFile(folder / "a.mp3", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(1_000_000))
    return folder / "a.mp3"


@hostile
def pdf_named_m4a(folder):
    return _written(folder / "a.m4a", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n" + bytes(2_000) + b"%%EOF")


@hostile
def picture_named_wav(folder):
    return _written(folder / "a.wav", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\2\0\0\0" + bytes(2_000))


@hostile
def program_named_ogg(folder):
    with open(sys.executable, "rb") as program:
        return _written(folder / "a.ogg", program.read(200_000))


@hostile
def zeros_named_wav(folder):
    return _written(folder / "a.wav", bytes(100_000))


@hostile
def noise_named_mp3(folder):
    return _written(folder / "a.mp3", np.random.default_rng(0).bytes(100_000))


# Lists that name other files or addresses -----------------------------------------------------------------------------


@hostile
def hls_playlist(folder):
    return _written(folder / "a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{_tone_in(folder)}\n#EXT-X-ENDLIST\n")


@hostile
def hls_playlist_named_wav(folder):
    return _written(folder / "a.wav", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")


@hostile
def concat_script(folder):
    return _written(folder / "a.ffconcat", f"ffconcat version 1.0\nfile {_tone_in(folder)}\n")


@hostile
def dash_manifest(folder):
    period = "<Period><AdaptationSet mimeType='audio/mp4'><Representation id='1'><BaseURL>http://127.0.0.1:9/a.mp4</BaseURL>"
    return _written(folder / "a.mpd", f"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>{period}")


@hostile
def sdp_description(folder):
    return _written(folder / "a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n")


@hostile
def quicktime_that_refers_to_another_file(folder):
    """A data reference of type ``url`` that is not marked as this very file."""
    data = encode(folder / "a.mov", "pcm_s16le", tone(1.0), 16_000).read_bytes()
    own = b"url \0\0\0\1"
    assert own in data
    return _written(folder / "a.mov", data.replace(own, b"url \0\0\0\0"))


# Headers that lie ---------------------------------------------------------------------------------------------------


def _wav(path: Path, **header: int) -> Path:
    """128 kB of samples under a header of one's own."""
    return float_wav(path, np.zeros(32_768), **header)


@hostile
def rate_of_four_gigahertz(folder):
    return _wav(folder / "a.wav", rate_hz=4_000_000_000)


@hostile
def rate_of_one_hertz(folder):
    return _wav(folder / "a.wav", rate_hz=1)


@hostile
def rate_of_zero(folder):
    return _wav(folder / "a.wav", rate_hz=0)


@hostile
def sixty_thousand_channels(folder):
    return _wav(folder / "a.wav", channels=65_535)


@hostile
def no_channels(folder):
    return _wav(folder / "a.wav", channels=0)


@hostile
def ogg_of_255_channels(folder):
    """An Opus header of 255 channels, one stream each, in a page whose checksum is right."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 255, 0, 48_000, 0, 255) + bytes([255, 0]) + bytes(range(255))
    page = b"OggS\0\2" + bytes(8) + struct.pack("<II", 1, 0) + bytes(4) + bytes([2, 255, len(head) - 255]) + head
    page = page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:]
    return _written(folder / "a.ogg", page + b"OggS\0\0" * 1_000)


def ogg_checksum(page: bytes) -> int:
    """RFC 3533, of a page whose own checksum is 0."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    return checksum


def _matroska(folder: Path, milliseconds: float) -> Path:
    data = encode(folder / "a.mka", "flac", tone(1.0), 16_000).read_bytes()
    begin = data.index(b"\x44\x89\x88") + 3  # Duration, 8 bytes of float
    return _written(folder / "a.mka", data[:begin] + struct.pack(">d", milliseconds) + data[begin + 8 :])


@hostile
def matroska_of_a_million_years(folder):
    return _matroska(folder, 3e16)


@hostile
def matroska_of_infinite_length(folder):
    return _matroska(folder, float("inf"))


@hostile
def matroska_of_no_number_length(folder):
    return _matroska(folder, float("nan"))


@hostile
def matroska_of_negative_length(folder):
    return _matroska(folder, -1.0)


@hostile
def matroska_whose_clock_jumps_by_a_day(folder):
    return encode_tracks(folder / "a.mka", "flac", [(0.0, tone(1.0)), (86_400.0, tone(1.0))], 16_000)


@hostile
def flac_that_promises_days(folder):
    data = bytearray(encode(folder / "a.flac", "flac", tone(1.0), 16_000).read_bytes())
    data[21] |= 0x0F  # STREAMINFO: the 36 bits of the number of samples
    data[22:26] = b"\xff" * 4
    return _written(folder / "a.flac", data)


@hostile
def m4a_of_huge_tables(folder):
    """The sample table promises four thousand million samples."""
    data = bytearray(encode(folder / "a.m4a", "aac", tone(1.0), 16_000).read_bytes())
    for table in (b"stsz", b"stts", b"stsc", b"stco"):
        at = data.index(table) + (12 if table == b"stsz" else 8)
        data[at : at + 4] = b"\xff\xff\xff\xf0"
    return _written(folder / "a.m4a", data)


# Sound that is none -------------------------------------------------------------------------------------------------


@hostile
def header_without_samples(folder):
    return write_wav(folder / "a.wav", np.zeros(0))


@hostile
def samples_that_are_no_numbers(folder):
    samples = tone(2.0)
    samples[16_000] = np.nan
    return float_wav(folder / "a.wav", samples)


@hostile
def samples_of_astronomic_size(folder):
    return float_wav(folder / "a.wav", 1e30 * tone(2.0))


@hostile
def half_an_m4a(folder):
    path = encode(folder / "a.m4a", "aac", tone(5.0), 16_000)
    return _written(path, path.read_bytes()[: path.stat().st_size // 2])


@hostile
def half_an_mp3(folder):
    path = encode(folder / "a.mp3", "libmp3lame", tone(5.0), 16_000)
    return _written(path, path.read_bytes()[: path.stat().st_size // 2])


@hostile
def video_without_sound(folder):
    return encode_tracks(folder / "a.mkv", "flac", [], 16_000, pictures=25)


def silent_flac(path: Path, seconds: float, rate_hz: int = 16_000) -> Path:
    """FLAC packs a minute of silence into 250 bytes: frames of 65,535 equal samples, header and two checksums."""

    def crc(data: bytes, polynomial: int, bits: int) -> bytes:
        value = 0
        for byte in data:
            value ^= byte << (bits - 8)
            for _ in range(8):
                value = (value << 1 ^ (polynomial if value >> (bits - 1) else 0)) & ((1 << bits) - 1)
        return value.to_bytes(bits // 8, "big")

    frames = round(seconds * rate_hz / 65_535)
    info = struct.pack(">HH", 65_535, 65_535) + bytes(6) + (rate_hz << 44 | 15 << 36 | frames * 65_535).to_bytes(8, "big") + bytes(16)
    parts = [b"fLaC\x80\0\0\x22", info]
    for number in range(frames):
        coded = chr(number).encode("utf-8", "surrogatepass")  # the format counts frames in UTF-8
        head = b"\xff\xf8\x75\x08" + coded + struct.pack(">H", 65_534)  # 16 bits of block size, 16 kHz, mono, 16 bits
        frame = head + crc(head, 0x07, 8) + b"\0\0\0"  # one subframe: the constant 0
        parts.append(frame + crc(frame, 0x8005, 16))
    return _written(path, b"".join(parts))


@hostile
def minutes_of_silence_in_three_kilobytes(folder):
    return silent_flac(folder / "a.flac", 600)
