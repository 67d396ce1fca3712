"""What rooms and lines do to a voice: pure functions on samples at 16 kHz, used to train against and to test with.

Each takes ``(n,)`` floats in ``[-1, 1]`` and gives as many back.
"""

from __future__ import annotations

import io

import numpy as np

from convemo.audio.resample import RATE_HZ
from convemo.errors import ConfigError

TELEPHONE_HZ = (300.0, 3400.0)
"""Pass band of the telephone network (ITU-T G.712)."""
_LINE_HZ = 8000  # sampling rate of a telephone call

CODECS = {"opus": ("libopus", "ogg"), "mp3": ("libmp3lame", "mp3"), "aac": ("aac", "adts"), "g722": ("g722", "wav")}
"""Name → encoder and container, as FFmpeg names them."""
LOWEST_KBPS, HIGHEST_KBPS = 6, 320
_LONGEST_DELAY_S = 0.15  # by which a codec may shift the sound: what a decoder does not take away itself is found by correlation


def with_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Both together, the noise at so much less mean power."""
    gain = np.sqrt(np.mean(samples**2) / max(np.mean(noise**2), 1e-12)) * 10 ** (-snr_db / 20)
    return (samples + gain * noise).astype(np.float32)


def pink(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(fft_length(length)))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))[:length]


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Sound as a room with this impulse response gives it back, cut to its length."""
    length = fft_length(len(samples) + len(response))
    return np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(response, length), length)[: len(samples)]


def telephone_call(samples: np.ndarray) -> np.ndarray:
    """Sound after a telephone call: 300 to 3400 Hz, sampled at 8 kHz in 8-bit μ-law (ITU-T G.711), and back at 16 kHz.

    Coded at 8 kHz as on a real line: coding at 16 kHz would leave rounding noise above the band.
    """
    import soxr

    narrow = soxr.resample(telephone_band(samples), RATE_HZ, _LINE_HZ)
    return _as_long(soxr.resample(mu_law(narrow), _LINE_HZ, RATE_HZ), samples)


def telephone_band(samples: np.ndarray) -> np.ndarray:
    """What of a sound lies between 300 and 3400 Hz, within full scale."""
    length = fft_length(len(samples))
    spectrum = np.fft.rfft(samples, length)
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    spectrum[(hz < TELEPHONE_HZ[0]) | (hz > TELEPHONE_HZ[1])] = 0
    return np.clip(np.fft.irfft(spectrum, length)[: len(samples)], -1, 1)


def mu_law(samples: np.ndarray) -> np.ndarray:
    """Sound within full scale after 8 bits a sample (ITU-T G.711), at whatever rate it has."""
    coded = np.round(127 * np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)) / 127
    return np.sign(coded) * (256 ** np.abs(coded) - 1) / 255


def through_codec(samples: np.ndarray, codec: str, kbps: int) -> np.ndarray:
    """Sound after it was encoded and decoded, at the place where it was.

    Args:
        samples: ``(n,)`` floats.
        codec: a name in `CODECS`.
        kbps: kilobits a second, from `LOWEST_KBPS` to `HIGHEST_KBPS`; an encoder takes the nearest that it has. G.722 has one of its own.

    Raises:
        ConfigError: this FFmpeg lacks the encoder, or refuses the rate.
    """
    import av

    encoder, container = CODECS[codec]
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=container) as out:
            stream = out.add_stream(encoder, rate=RATE_HZ, layout="mono", bit_rate=kbps * 1000)
            frame = av.AudioFrame.from_ndarray(_pcm(samples)[None], format="s16", layout="mono")
            frame.sample_rate = RATE_HZ
            convert = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=RATE_HZ)
            blocks = av.AudioFifo()
            for part in convert.resample(frame) + convert.resample(None):
                part.pts = None
                blocks.write(part)
            size = stream.codec_context.frame_size or len(samples)
            while (part := blocks.read(size, partial=True)) is not None:
                for packet in stream.encode(part):
                    out.mux(packet)
            for packet in stream.encode(None):
                out.mux(packet)
        file.seek(0)
        with av.open(file) as read:
            to_mono = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
            heard = [block for frame in read.decode(audio=0) for block in to_mono.resample(frame)] + to_mono.resample(None)
    except (av.FFmpegError, ValueError) as error:
        raise ConfigError(f"a codec that can be used here in place of {codec}{kbps}", str(error), "Try another rate or codec.") from error
    return _as_long(_aligned(np.concatenate([block.to_ndarray()[0] for block in heard]), samples), samples)


def _pcm(samples: np.ndarray) -> np.ndarray:
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")


def _aligned(heard: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The sound without the delay of its codec."""
    longest = round(_LONGEST_DELAY_S * RATE_HZ)
    length = fft_length(len(heard) + len(samples))
    likeness = np.fft.irfft(np.fft.rfft(heard, length) * np.conj(np.fft.rfft(samples, length)), length)[:longest]
    return heard[int(likeness.argmax()) :]


def _as_long(heard: np.ndarray, samples: np.ndarray) -> np.ndarray:
    return np.pad(heard, (0, max(0, len(samples) - len(heard))))[: len(samples)]


def fft_length(length: int) -> int:
    """The next power of two: a length with a large prime in it takes ten times as long."""
    return 1 << (length - 1).bit_length()
