"""Clips of speech: where they lie, and the dialogue that a speaker's clips make where nobody converses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from convemo.types import Dialogue, Speaker, Utterance

SUFFIXES = (".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a", ".mp4", ".avi")
"""Sound, alone or in a video."""


def find_clips(*folders: Path) -> dict[str, Path]:
    """The clips in these folders and all folders below them, in the order of their paths, by name without suffix.

    Of two with one name the one in the earlier folder counts. Hidden files (``._x.wav``, which macOS leaves in archives) do not.
    """
    clips: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                clips.setdefault(path.stem, path)
    return clips


def by_speaker(utterances: Iterable[Utterance], language: str, genders: Mapping[str, str] | None = None) -> tuple[Dialogue, ...]:
    """One dialogue a speaker, named like the speaker: no conversation, but the same form.

    Args:
        utterances: in the order in which they shall stand.
        language: ISO 639-1 code of all of them.
        genders: speaker id → gender, of as many speakers as it is known of.
    """
    spoken: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        spoken.setdefault(utterance.speaker, []).append(utterance)
    return tuple(
        Dialogue(
            speaker,
            tuple(spoken[speaker]),
            (Speaker(speaker),),
            language,
            genders={speaker: genders[speaker]} if genders and speaker in genders else None,
        )
        for speaker in sorted(spoken)
    )


def part_of(actor: str, parts: Mapping[str, Iterable[str]]) -> str:
    """The part that an actor belongs to, given the actors of some parts: train for whoever is in none of them.

    >>> part_of("03", {"test": ("01", "02"), "dev": ("03",)}), part_of("04", {"test": ("01", "02")})
    ('dev', 'train')
    """
    return next((part for part, actors in parts.items() if actor in actors), "train")
