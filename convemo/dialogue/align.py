"""Words and turns become utterances: who said what, when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from convemo.dialogue.presence import Presence, Timeline
from convemo.dialogue.speakers import FIRST_SPEAKER, with_speakers
from convemo.dialogue.split import SplitRules, span, split
from convemo.dialogue.tokens import Token, joined_text, tokens_of, tokens_of_turns
from convemo.types import Dialogue, Diarization, Evidence, Speaker, Transcript, Turn, Utterance


def align(
    transcript: Transcript | None,
    diarization: Diarization | None = None,
    *,
    id: str | None = None,
    rules: SplitRules | None = None,
    speech: Sequence[tuple[float, float]] | None = None,
) -> Dialogue:
    """The conversation that a transcript and a diarization tell of together.

    Every word of the transcript is in exactly one utterance. A word goes to the speaker who holds most of it; speakers whom the transcript
    itself names are kept, and then turns only add evidence, provided they speak of the same speakers. Without a transcript the utterances
    are the turns, and have no text. Without either's speakers there is one, ``"speaker 1"``, who then says all of `speech`;
    only voices that share a cue are told apart, as ``"voice 1"``, ``"voice 2"``.

    Args:
        transcript: words, cues or messages; its times may be missing.
        diarization: turns; they may overlap.
        id: the dialogue's id; else the transcript's, else ``"dialogue"``.
        rules: when words stay together.
        speech: where a voice was detected, as ``(start, end)`` in seconds: without a transcript, long turns are cut where it pauses.

    Raises:
        ValueError: neither a transcript nor a diarization nor speech is given.

    >>> from convemo.types import TranscriptSegment, Turn, Word
    >>> heard = Transcript((TranscriptSegment("Hi. Hello!", 0.0, 1.4, words=(Word("Hi.", 0.0, 0.4), Word("Hello!", 0.9, 1.4))),))
    >>> turns = Diarization((Turn(0.0, 1.0, "ana"), Turn(1.0, 2.0, "ben")), (Speaker("ana"), Speaker("ben")))
    >>> [(u.speaker, u.text) for u in align(heard, turns)]
    [('ana', 'Hi.'), ('ben', 'Hello!')]
    """
    rules = rules or SplitRules()
    if transcript is None and diarization is None:
        if speech is None:
            raise ValueError("align needs a transcript, a diarization, or at least the speech")
        diarization = Diarization(tuple(Turn(start, end, FIRST_SPEAKER) for start, end in speech), ())
    if transcript is None:
        tokens, presence = tokens_of_turns(diarization.turns, speech, rules.max_s), Presence(diarization.turns)
    else:
        tokens = tokens_of(transcript)
        if diarization is not None and not _same_speakers(tokens, diarization):
            diarization = None
        presence = Presence(diarization.turns) if diarization is not None else None
        foremost = Presence(diarization.exclusive) if diarization is not None and diarization.exclusive else presence
        tokens = with_speakers(tokens, foremost)
    pieces = split(tokens, rules)
    evidence = _evidence(pieces, presence, speech, words_known=transcript is not None)
    utterances = tuple(
        Utterance(
            id=f"u{number}",
            speaker=piece[0].speaker,
            text=joined_text(piece),
            start=start,
            end=end,
            words=tuple(token.word for token in piece if token.word is not None),
            evidence=found,
        )
        for number, (piece, (start, end), found) in enumerate(zip(pieces, map(_times, pieces), evidence), start=1)
    )
    listed = [*(transcript.speakers if transcript else ()), *(diarization.speakers if diarization else ())]
    return Dialogue(
        id=id or (transcript.id if transcript else None) or "dialogue",
        utterances=utterances,
        speakers=_speakers(listed, (utterance.speaker for utterance in utterances)),
        language=transcript.language if transcript else None,
        translated_from=transcript.translated_from if transcript else None,
    )


def _same_speakers(tokens: Sequence[Token], diarization: Diarization) -> bool:
    """Whether the turns may be used: the transcript names nobody, or nobody whom the diarization does not know by the same id."""
    known = {speaker.id for speaker in diarization.speakers} | {turn.speaker for turn in diarization.turns}
    return all(token.speaker is None or token.speaker in known for token in tokens)


def _times(piece: Sequence[Token]) -> tuple[float | None, float | None]:
    """Beginning and end of an utterance; of a message with a time stamp only, that one."""
    timed = [token for token in piece if token.timed]
    return span(timed) if timed else (piece[0].start, None)


def _evidence(
    pieces: Sequence[Sequence[Token]],
    presence: Presence | None,
    speech: Sequence[tuple[float, float]] | None,
    words_known: bool,
) -> Iterable[Evidence]:
    """What is known of each utterance's material from words and turns alone; the sound adds the rest later."""
    everyone = presence or Presence(token for piece in pieces for token in piece if token.timed)
    voice = None if speech is None else Timeline(speech)
    spans = [span(piece) if all([token.timed for token in piece]) else None for piece in pieces]
    overlaps = _overlaps(pieces, spans, everyone) if len(everyone.speakers) > 1 else {}
    for number, (piece, whole) in enumerate(zip(pieces, spans)):
        speaker = piece[0].speaker
        confidences = [token.confidence for token in piece if token.confidence is not None]
        known = {"asr_confidence": _share(float(np.mean(confidences)))} if confidences else {}
        found = Evidence(**known, overlap=overlaps.get(number))
        if whole is not None:
            if voice is not None:
                found = replace(found, speech_s=round(float(voice.held(*map(np.atleast_1d, whole))[0]), 3))
            if presence is not None and words_known:
                starts, ends = np.array([token.start for token in piece]), np.array([token.end for token in piece])
                total = float((ends - starts).sum())
                if total > 0:
                    held = float(presence.own(speaker).held(starts, ends).sum())
                    found = replace(found, speaker_confidence=_share(held / total))
        yield found


def _overlaps(pieces: Sequence[Sequence[Token]], spans: Sequence[tuple[float, float] | None], everyone: Presence) -> dict[int, float]:
    """Index of an utterance that lasts → the share of it in which somebody else speaks, a speaker's all at once."""
    by_speaker: dict[str, list[int]] = {}
    for number, (piece, whole) in enumerate(zip(pieces, spans)):
        if whole is not None and whole[1] > whole[0]:
            by_speaker.setdefault(piece[0].speaker, []).append(number)
    shares = {}
    for speaker, numbers in by_speaker.items():
        starts, ends = np.array([spans[number] for number in numbers]).T
        held = everyone.others(speaker).held(starts, ends).tolist()
        shares |= {number: _share(seconds / (spans[number][1] - spans[number][0])) for number, seconds in zip(numbers, held)}
    return shares


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


def _speakers(listed: Iterable[Speaker], speaking: Iterable[str]) -> tuple[Speaker, ...]:
    """Those who are listed, then those who speak without being listed; what one list leaves open about a speaker, the next fills in."""
    found: dict[str, Speaker] = {}
    for speaker in listed:
        known = found.get(speaker.id, speaker)
        found[speaker.id] = Speaker(
            speaker.id,
            name=known.name if known.name is not None else speaker.name,
            role=known.role if known.role is not None else speaker.role,
            channel=known.channel if known.channel is not None else speaker.channel,
        )
    for id in speaking:
        found.setdefault(id, Speaker(id))
    return tuple(found.values())
