"""No media file crashes, hangs or fools us: a typed error or a valid result, never a silent empty one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from subprocess import PIPE, Popen

import numpy as np
import pytest

from convemo.audio import child, decode, load, probe
from convemo.errors import AudioError, LimitExceeded
from convemo.limits import Limits
from tests.audio.hostile import HOSTILE, silent_flac

needs_posix = pytest.mark.skipif(os.name == "nt", reason="pipes, devices and links are POSIX")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> dict[str, str]:
    """Name → path of every file on the list of `tests.audio.hostile`."""
    return {name: os.fspath(build(tmp_path_factory.mktemp(build.__name__))) for name, build in HOSTILE.items()}


SOUND_AFTER_ALL = {
    "quicktime that refers to another file": 1.0,  # its own sound is in it, and is what is read
    "matroska of a million years": 1.0,
    "matroska of infinite length": 1.0,
    "matroska of no number length": 1.0,
    "matroska of negative length": 1.0,
    "half an mp3": 2.5,
    "minutes of silence in three kilobytes": 600.0,
}
"""Those that hold sound, whatever else is wrong with them, and how many seconds; of the others none may be made up."""


@needs_posix
@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_list_gives_a_typed_error_or_the_sound_that_is_there(hostile, name):
    if name in SOUND_AFTER_ALL:
        with load(hostile[name]) as audio:
            assert audio.duration_s == pytest.approx(SOUND_AFTER_ALL[name], rel=0.05)
    else:
        with pytest.raises(AudioError) as caught:
            load(hostile[name])
        assert caught.value.expected and caught.value.found


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_the_hostile_list_leaves_our_own_memory_flat(hostile):
    code = """
import json, sys
from convemo.audio import load, probe
from convemo.errors import AudioError
def peak():  # what `resource` tells may be the peak of whoever started this process
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
before = peak()
for path in json.loads(sys.stdin.read()):
    for task in (probe, load):
        try:
            task(path)
        except AudioError:
            pass
print(before, peak())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(list(hostile.values())), capture_output=True, text=True, check=True
    )
    before, after = (int(kibibytes) / 1024 for kibibytes in done.stdout.split())
    assert after - before < 20  # MiB, over all of them


@needs_posix
def test_the_hostile_list_is_one_line_each_on_the_command_line(hostile):
    command = [sys.executable, "-m", "convemo", "analyze", "--offline", "--json", "--channels", "text,fused", *hostile.values()]
    done = subprocess.run(command, capture_output=True, text=True)
    refused = [path for name, path in hostile.items() if name not in SOUND_AFTER_ALL]
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == len(refused)
    for path, line in zip(refused, lines):
        assert line.startswith(f"convemo: {path}: expected ") and ", found " in line
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["recording"]["path"] for result in results] == [hostile[name] for name in hostile if name in SOUND_AFTER_ALL]
    assert all(result["notes"] for result in results)  # nothing was said in them, and that is told


@pytest.mark.slow
def test_ten_silent_hours_in_a_small_file_are_ten_silent_hours(tmp_path):
    path = silent_flac(tmp_path / "a.flac", 36_000)
    assert path.stat().st_size < 2**18
    with load(path) as audio:
        assert audio.duration_s == pytest.approx(36_000, abs=5)
        assert os.fstat(audio._spool.file.fileno()).st_blocks * 512 < 2**20  # silence takes no room on the disk either


def test_a_missing_file(tmp_path):
    with pytest.raises(AudioError, match=r"nothing\.wav: expected a recording, found no such file"):
        load(tmp_path / "nothing.wav")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match="found an empty file"):
        load(tmp_path / "a.wav")


def test_a_folder(tmp_path):
    with pytest.raises(AudioError, match="found a folder"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_make_us_wait(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="found a named pipe"):
        load(tmp_path / "a.wav")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
def test_a_device():
    with pytest.raises(AudioError, match="found a device"):
        load("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path, media):
    path = media.wav(tmp_path / "a.wav", np.zeros(100))
    path.chmod(0)
    with pytest.raises(AudioError, match=r"[Pp]ermission"):
        load(path)


@pytest.mark.parametrize("name", ["bad\0name.wav", "x" * 5000])
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(AudioError):
        load(name)


def test_an_address_is_not_fetched():
    with pytest.raises(AudioError, match="found an address"):
        load("http://127.0.0.1:9/call.wav")


@pytest.mark.parametrize("content", [b"Hello, this is the call.\n" * 99, b"\0" * 5000, b"RIFF", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_something_else_that_is_named_wav(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"found a file that cannot be opened as one|found no sound at all"):
        load(tmp_path / "a.wav")


def test_random_bytes_never_escape_as_another_error(tmp_path):
    noise = np.random.default_rng(1)
    for head in (b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC\0\0\0\x22", b"\0\0\0\x20ftypM4A ", b"ID3\x04"):
        (tmp_path / "a").write_bytes(head + noise.bytes(20_000))
        try:
            assert load(tmp_path / "a", Limits(max_duration_s=600)).duration_s > 0
        except AudioError as error:
            assert error.expected and error.found


def test_a_playlist_opens_nothing(tmp_path, media):
    """HLS and concat lists name other files and addresses: neither is touched."""
    inner = media.wav(tmp_path / "inner.wav", media.tone(1.0))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        for suffix, text in (
            ("m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n"),
            ("wav", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{inner}\n#EXT-X-ENDLIST\n"),
            ("wav", f"ffconcat version 1.0\nfile {inner}\n"),
        ):
            playlist = tmp_path / f"list.{suffix}"
            playlist.write_text(text)
            with pytest.raises(AudioError, match="cannot be opened"):
                load(playlist)
        with pytest.raises(TimeoutError):
            server.accept()


def test_half_a_wav_gives_its_half_and_a_note(tmp_path, media):
    path = media.wav(tmp_path / "a.wav", media.tone(20.0))
    path.write_bytes(path.read_bytes()[: 44 + 8 * 32_000])
    with load(path) as audio:
        assert audio.duration_s == pytest.approx(8.0)
        assert audio.notes == ("the file ends after 8.0 s of the 20.0 s its header promises",)


@pytest.mark.parametrize("name, codec", [("a.flac", "flac"), ("a.mka", "flac"), ("a.ogg", "libopus"), ("a.mp3", "libmp3lame")])
def test_half_a_compressed_file_gives_its_half(tmp_path, media, name, codec):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8 * 48_000)
    path = media.encode(tmp_path / name, codec, noise, 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with load(path) as audio:
        assert audio.duration_s == pytest.approx(4.0, abs=1.2)  # Ogg comes in pages of a second
        assert audio.read(1.0, 3.0).std() > 0.1


def test_half_an_m4a_without_its_index_is_an_error(tmp_path, media):
    path = media.encode(tmp_path / "a.m4a", "aac", media.tone(5.0), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match="Is it complete"):
        load(path)


def test_damage_in_the_middle_costs_the_damaged_part_only(tmp_path, media):
    path = media.encode(tmp_path / "a.flac", "flac", np.random.default_rng(0).uniform(-0.5, 0.5, 320_000), 16_000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2_000] = b"\x55" * 2_000
    path.write_bytes(data)
    with load(path) as audio:
        assert audio.duration_s == pytest.approx(20.0, abs=1.0)
        assert audio.read(1.0, 5.0).std() > 0.1 and audio.read(15.0, 18.0).std() > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_named_by_its_time(tmp_path, media, bad):
    samples = media.tone(5.0)
    samples[40_000] = bad
    with pytest.raises(AudioError, match=r"NaN or infinity at 2\.500 s"):
        load(media.float_wav(tmp_path / "a.wav", samples))


def test_floats_beyond_full_scale_are_clipped_and_noted(tmp_path, media):
    with load(media.float_wav(tmp_path / "a.wav", 4 * media.tone(1.0))) as audio:
        assert audio.read().max() <= 1.0
        assert "beyond full scale" in audio.notes[0]


@pytest.mark.parametrize(
    "header",
    [{"rate_hz": 4_000_000_000}, {"rate_hz": 1}, {"channels": 65_535}, {"channels": 9}],
    ids=["4 GHz", "1 Hz", "65,535 channels", "9 channels"],
)
def test_a_forged_header_is_refused(tmp_path, media, header):
    with pytest.raises(AudioError) as caught:
        load(media.float_wav(tmp_path / "a.wav", np.zeros(10_000), **header))
    assert isinstance(caught.value, LimitExceeded) or "cannot be opened" in caught.value.found


def test_a_header_that_promises_days_is_refused_before_decoding(tmp_path, media):
    path = media.encode(tmp_path / "a.flac", "flac", np.zeros(16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # STREAMINFO: the 36 bits of the number of samples
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)
    for task in (load, probe):
        with pytest.raises(LimitExceeded, match="in its header"):
            task(path)


def test_hours_of_silence_in_a_small_file_stop_at_the_limit(tmp_path, media):
    """FLAC packs hours of silence into some megabytes. Its header is made to promise nothing, as a stream's does."""
    path = media.encode(tmp_path / "a.flac", "flac", np.zeros(16_000 * 300), 16_000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert path.stat().st_size < 2**17
    with pytest.raises(LimitExceeded, match="at most 200 s of sound, found more"):
        load(path, Limits(max_duration_s=200))


def test_a_file_larger_than_the_limit_is_not_even_hashed(tmp_path, media, monkeypatch):
    path = media.wav(tmp_path / "a.wav", np.zeros(16_000))
    monkeypatch.setattr(decode, "_digest", lambda file: pytest.fail("hashed"))
    with pytest.raises(LimitExceeded, match="at most 1000 bytes"):
        load(path, Limits(max_audio_bytes=1000))


def test_a_video_without_sound(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="found no audio track"):
        load(tmp_path / "a.mkv")


def test_a_header_without_samples_is_an_error_not_a_silence(tmp_path, media):
    with pytest.raises(AudioError, match="found no sound at all"):
        load(media.wav(tmp_path / "a.wav", np.zeros(0)))


def test_a_decoder_that_needs_too_much_memory(tmp_path, media):
    path = media.wav(tmp_path / "a.wav", media.tone(1.0))
    with pytest.raises(AudioError):
        load(path, Limits(decode_memory_bytes=64 * 2**20))


def _decoder(monkeypatch, code: str) -> None:
    """Puts a small program in the decoder's place."""
    command = [sys.executable, "-c", code]
    monkeypatch.setattr(child, "start", lambda _, file, samples: Popen(command, stdin=file, stdout=samples, stderr=PIPE))


@pytest.mark.skipif(os.name == "nt", reason="signals end processes on POSIX only")
def test_a_decoder_that_crashes_is_an_error_of_the_file(tmp_path, media, monkeypatch):
    path = media.wav(tmp_path / "a.wav", media.tone(1.0))
    _decoder(monkeypatch, f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    with pytest.raises(AudioError, match="the decoder ended by signal 11"):
        load(path)


def test_a_decoder_that_hangs_is_ended(tmp_path, media, monkeypatch):
    path = media.wav(tmp_path / "a.wav", media.tone(1.0))
    _decoder(monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(LimitExceeded, match="its time limit"):
        load(path, Limits(decode_base_s=0.2))
    assert threading.active_count() < 10


def test_a_decoder_that_says_nothing_sensible_is_an_error(tmp_path, media, monkeypatch):
    path = media.wav(tmp_path / "a.wav", media.tone(1.0))
    _decoder(monkeypatch, "import sys; sys.stderr.write('[]\\nno json\\n')")
    with pytest.raises(AudioError, match="ended with status 0, giving 'no json'"):
        load(path)


def test_a_callback_that_raises_ends_the_decoder(tmp_path, media):
    def stop(_done, _total):
        raise KeyboardInterrupt

    path = media.wav(tmp_path / "a.wav", np.zeros(16_000 * 100))
    with pytest.raises(KeyboardInterrupt):
        load(path, progress=stop)
    assert threading.active_count() < 10
