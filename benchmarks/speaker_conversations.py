"""Conversations made of acted speech, which the `embedded` diarizer was tuned on: ``python benchmarks/speaker_conversations.py DATA``.

DATA holds ravdess/, nemo/ and emodb/. Speakers of one corpus take turns of one to five clips, with pauses, interruptions and short
interjections over another's turn; each keeps to one emotion, in half of them to none; the sound is clean, by telephone, or in a room
with noise. For each length: diarization error rate (collar 0.25 s, overlap scored), and how many speakers too many or few were
found, on average.

``--fit --count 100`` prints instead what the log-odds in convemo/diarize/spectral.py are fitted by: over conversations of one or two
speakers of nEMO and EmoDB, whether there are two. RAVDESS is left out there: its two sentences are two clusters of their own. Needs
scikit-learn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convemo.audio import Audio
from convemo.audio.degrade import pink, reverberate, with_noise
from convemo.data import emodb, nemo, ravdess
from convemo.diarize import spectral
from convemo.diarize.embedded import EmbeddedDiarizer
from convemo.diarize.encoder import SpeakerEncoder
from convemo.diarize.voiced import hear
from convemo.features.energy import active_span, frame_energy_db
from convemo.metrics import DiarizationErrors, diarization_errors
from convemo.training.acoustic_clips import read_clip, telephone
from convemo.types import Turn

RATE_HZ = 16_000
LENGTHS_S = (30.0, 60.0, 180.0)
LEVEL = 0.05  # root mean square of speech, before each speaker's own loudness
Clips = dict[str, dict[str, list[np.ndarray]]]
"""Speaker → emotion → clips."""


def read_corpus(data: Path, name: str) -> Clips:
    """Every clip of a corpus, cut to its speech."""
    load = {"ravdess": ravdess.load, "nemo": nemo.load, "emodb": emodb.load}[name]
    clips: Clips = {}
    for dialogue in load(data / name):
        for utterance in dialogue:
            samples = read_clip(utterance.audio)
            first, last = active_span(frame_energy_db(samples))
            clips.setdefault(dialogue.id, {}).setdefault(utterance.label or "unlabelled", []).append(samples[first:last].astype(np.float16))
    return clips


def converse(clips: Clips, duration_s: float, speakers: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Turn]]:
    """A conversation and who speaks when."""
    who = [str(name) for name in rng.permutation(sorted(clips))[:speakers]]
    calm = rng.random() < 0.5
    moods = {name: "neutral" if calm else str(rng.choice(sorted(clips[name]), p=_shares(clips[name]))) for name in who}
    share = np.maximum(rng.dirichlet(np.full(speakers, 2.0)), 0.08)
    loudness = {name: 10 ** (rng.uniform(-4, 4) / 20) for name in who}
    heard = str(rng.choice(["clean", "telephone", "room", "room"]))
    rooms = {name: _room(rng, rng.uniform(0.2, 0.5)) for name in who}
    sound, turns = np.zeros(round((duration_s + 12) * RATE_HZ), np.float32), []

    def say(speaker: str, at_s: float, longest_s: float = np.inf) -> float:
        own = clips[speaker][moods[speaker]]
        samples = own[rng.integers(len(own))].astype(np.float32)[: int(min(longest_s, 60) * RATE_HZ)]
        samples *= LEVEL / np.sqrt(np.mean(samples**2) + 1e-9) * loudness[speaker] * 10 ** (rng.uniform(-2, 2) / 20)
        samples = reverberate(samples, rooms[speaker]) if heard == "room" else samples
        first = round(at_s * RATE_HZ)
        sound[first : first + len(samples)] += samples[: max(0, len(sound) - first)]
        turns.append(Turn(at_s, min(at_s + len(samples) / RATE_HZ, duration_s), speaker))
        return len(samples) / RATE_HZ

    time_s, speaking = rng.uniform(0, 2), -1
    while time_s < duration_s:
        weights = np.where(np.arange(speakers) == speaking, 0.0 if speakers > 1 else 1.0, share)
        speaking = int(rng.choice(speakers, p=weights / weights.sum()))
        for _ in range(int(rng.choice([1, 2, 3, 5], p=[0.35, 0.3, 0.2, 0.15]))):
            if time_s >= duration_s:
                break
            length_s = say(who[speaking], time_s, rng.uniform(0.6, 1.6) if rng.random() < 0.25 else np.inf)
            if speakers > 1 and rng.random() < 0.12:
                other = int(rng.choice([i for i in range(speakers) if i != speaking]))
                say(who[other], min(time_s + rng.uniform(0, max(0.1, length_s - 0.5)), duration_s), rng.uniform(0.4, 0.9))
            time_s += length_s + max(0.03, rng.exponential(0.25))
        time_s = max(0.0, time_s + (rng.exponential(0.5) if rng.random() < 0.75 else -rng.uniform(0, 0.4)))
    sound = sound[: round(duration_s * RATE_HZ)]
    sound = with_noise(sound, pink(len(sound), rng), rng.uniform(8, 25) if heard == "room" else rng.uniform(20, 40))
    sound = telephone(sound, rng) if heard == "telephone" else sound
    return np.clip(sound * 10 ** (rng.uniform(-15, 5) / 20), -1, 1), _joined(turns, 0.3)


def _shares(moods: dict[str, list[np.ndarray]]) -> np.ndarray:
    counts = np.array([len(moods[mood]) for mood in sorted(moods)])
    return counts / counts.sum()


def _room(rng: np.random.Generator, reverberation_s: float) -> np.ndarray:
    """An impulse response: the direct sound, and noise that falls by 60 dB in the reverberation time."""
    length = round(reverberation_s * RATE_HZ)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail *= rng.uniform(0.15, 0.6) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _joined(turns: list[Turn], pause_s: float) -> list[Turn]:
    """The turns, with a speaker's own shorter pauses filled."""
    found: list[Turn] = []
    last: dict[str, int] = {}
    for turn in sorted(turns):
        at = last.get(turn.speaker)
        if at is not None and turn.start - found[at].end < pause_s:
            found[at] = Turn(found[at].start, max(found[at].end, turn.end), turn.speaker)
        else:
            last[turn.speaker] = len(found)
            found.append(turn)
    return found


def conversations(
    corpora: dict[str, Clips], count: int, duration_s: float, most: int, seed: int
) -> Iterator[tuple[np.ndarray, list[Turn]]]:
    """Seeded conversations of one to `most` speakers, the corpora in turn."""
    for number in range(count):
        rng = np.random.default_rng([seed, round(duration_s), number])
        clips = corpora[sorted(corpora)[number % len(corpora)]]
        yield converse(clips, duration_s, int(rng.integers(1, most + 1)), rng)


def report(corpora: dict[str, Clips], count: int, seed: int) -> None:
    diarizer = EmbeddedDiarizer()
    print(f"{'length':>8}{'DER':>7}{'missed':>8}{'false':>7}{'confus.':>9}   speakers found − true, mean and mean of the absolute")
    for duration_s in LENGTHS_S:
        errors, surplus = DiarizationErrors(), []
        for samples, turns in conversations(corpora, count, duration_s, 4, seed):
            with Audio.from_array(samples, RATE_HZ) as audio:
                found = diarizer.diarize(audio)
            errors += diarization_errors(found.turns, turns, duration_s)
            surplus.append(len(found.speakers) - len({turn.speaker for turn in turns}))
        parts = (errors.rate, *(part / errors.reference_s for part in (errors.missed_s, errors.false_alarm_s, errors.confusion_s)))
        row = "".join(f"{100 * part:{width}.1f}" for part, width in zip(parts, (7, 8, 7, 9)))
        print(f"{duration_s:6.0f} s{row}   {np.mean(surplus):+.2f}  {np.mean(np.abs(surplus)):.2f}", flush=True)


def fit(corpora: dict[str, Clips], count: int, seed: int) -> None:
    from sklearn.linear_model import LogisticRegression

    encoder, features, two = SpeakerEncoder(), [], []
    for duration_s in (30.0, 60.0):
        for samples, turns in conversations(corpora, count, duration_s, 2, seed):
            with Audio.from_array(samples, RATE_HZ) as audio:
                voiced = hear(audio, encoder)
            if len(voiced.embeddings) >= 2 * spectral.FEWEST:
                cut = spectral.best_cut(voiced.embeddings, voiced.seconds)
                features.append([cut.apart, cut.gap])
                two.append(len({turn.speaker for turn in turns}) > 1)
    scale = np.std(features, axis=0)
    model = LogisticRegression(C=10.0).fit(np.array(features) / scale, two)
    right = np.mean(model.predict(np.array(features) / scale) == np.array(two))
    apart, gap = model.coef_[0] / scale
    print(f"{len(two)} conversations, {sum(two)} of two speakers, {100 * right:.0f} % right")
    print(f"APART_WEIGHT {apart:.1f}, GAP_WEIGHT {gap:.1f}, BIAS {model.intercept_[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=30, help="conversations of each length")
    parser.add_argument("--seed", type=int, default=0, help="0 is what constants are chosen on; report another")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    names = ("nemo", "emodb") if arguments.fit else ("ravdess", "nemo", "emodb")
    corpora = {name: read_corpus(arguments.data, name) for name in names}
    (fit if arguments.fit else report)(corpora, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
