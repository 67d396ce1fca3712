"""Makes the bundled example call, ``support_call.flac`` and its transcript ``support_call.vtt``.

A stereo telephone call (8 kHz, agent left, customer right) spoken by the synthesiser espeak-ng (``apt install espeak-ng``).
Synthetic voices express emotion by pitch, speed and loudness alone, so what the acoustic channel says of them is only an example.

    python examples/make_support_call.py [FOLDER]
"""

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
import soxr

RATE_HZ = 8_000
VOICES = {"Agent Maya": "en-us+m3", "Customer Tom": "en-gb+m7"}
CALM, UPSET, ANGRY, RELIEVED = (45, 165, 90), (50, 175, 120), (65, 195, 170), (60, 180, 120)
"""Pitch (0-99), speed (words a minute) and amplitude (0-200), as espeak-ng takes them."""

LINES = (
    ("Agent Maya", CALM, "Good morning, you are speaking with Maya. How can I help you?"),
    ("Customer Tom", UPSET, "Hello. My internet has been down for four days now."),
    ("Agent Maya", CALM, "I am sorry to hear that. May I have your customer number, please?"),
    ("Customer Tom", ANGRY, "I already gave it to two of your colleagues! This is ridiculous, nobody ever calls me back!"),
    ("Agent Maya", CALM, "I understand. Let me look at your line right away."),
    ("Customer Tom", UPSET, "I work from home. I am really worried that I will lose my job over this."),
    ("Agent Maya", CALM, "I can see the fault. A cable in your street was cut on Monday."),
    ("Customer Tom", ANGRY, "On Monday? And nobody told me? I can't believe it!"),
    ("Agent Maya", CALM, "You are right, we should have. I have booked an engineer for this afternoon, and this month is free."),
    ("Customer Tom", RELIEVED, "Oh! That is wonderful. Thank you so much, you really made my day."),
    ("Agent Maya", CALM, "You are welcome. Is there anything else I can do?"),
    ("Customer Tom", RELIEVED, "No, that is all. Goodbye!"),
)
PAUSE_S = 0.7


def speak(text: str, voice: str, pitch: int, speed: int, amplitude: int) -> np.ndarray:
    """The samples of one line, ``(n,)`` float32 at `RATE_HZ`, without the silence at its ends."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-a", str(amplitude), "-w", file.name, text]
        subprocess.run(command, check=True)
        with wave.open(file.name) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(np.float32) / 2**15
            rate_hz = sound.getframerate()
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    loud = np.flatnonzero(np.abs(samples) > 0.005)
    return samples[loud[0] : loud[-1] + 1]


def stamp(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}:{int(seconds // 60) % 60:02d}:{seconds % 60:06.3f}"


def main(folder: Path) -> None:
    names, at, cues, placed = list(VOICES), 0.5, ["WEBVTT", ""], []
    for name, (pitch, speed, amplitude), text in LINES:
        samples = speak(text, VOICES[name], pitch, speed, amplitude)
        end = at + len(samples) / RATE_HZ
        cues += [f"{stamp(at)} --> {stamp(end)}", f"<v {name}>{text}</v>", ""]
        placed.append((int(at * RATE_HZ), names.index(name), samples))
        at = end + PAUSE_S
    call = np.random.default_rng(0).normal(0, 0.0002, (2, int(at * RATE_HZ))).astype(np.float32)  # line noise, about -74 dB
    for first, channel, samples in placed:
        call[channel, first : first + len(samples)] += samples * 0.6
    (folder / "support_call.vtt").write_text("\n".join(cues), encoding="utf-8")
    with av.open(str(folder / "support_call.flac"), "w") as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="stereo", format="s16")
        pcm = (np.clip(call, -1, 1) * 32767).astype(np.int16).T.reshape(1, -1)  # (1, 2n), interleaved
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")
        frame.rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    print(f"{at:.1f} s, {len(LINES)} lines: {folder / 'support_call.flac'}, {folder / 'support_call.vtt'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
