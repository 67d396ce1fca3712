"""Stereo calls."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.dialogue.align import align
from convemo.dialogue.channels import channel_of_speakers, interleave
from convemo.types import Dialogue, Speaker, Transcript, TranscriptSegment, Utterance, Word

from .builders import cue, lines, said, transcript

RATE_HZ = 16_000


def call(*levels: tuple[float, float]) -> Audio:
    """A second of noise for each pair of (left, right) amplitudes."""
    noise = np.random.default_rng(0).uniform(-1, 1, (len(levels) * RATE_HZ, 2)).astype(np.float32)
    return Audio.from_array(noise * np.repeat(np.array(levels, dtype=np.float32), RATE_HZ, axis=0), RATE_HZ)


def one_second_each(*speakers: str) -> Dialogue:
    spoken = tuple(Utterance(f"u{i + 1}", name, start=float(i), end=i + 1.0) for i, name in enumerate(speakers))
    return Dialogue("d", spoken, tuple(map(Speaker, dict.fromkeys(speakers))))


def test_each_channel_gives_its_speaker_to_segments_and_words():
    parts = [
        (Speaker("agent", channel=1), transcript(said("Good morning."))),
        (Speaker("customer", channel=0), transcript(said("Hi!", 1.0))),
    ]
    whole = interleave(parts)
    assert [(s.speaker, {w.speaker for w in s.words}) for s in whole.segments] == [("agent", {"agent"}), ("customer", {"customer"})]
    assert whole.speakers == (Speaker("agent", channel=1), Speaker("customer", channel=0))


def test_segments_of_both_channels_are_in_order_of_time():
    left, right = transcript(cue("one", 0, 1), cue("three", 2, 3)), transcript(cue("two", 1, 2))
    assert [s.text for s in interleave([(Speaker("a"), left), (Speaker("b"), right)]).segments] == ["one", "two", "three"]


def test_the_language_is_kept_if_the_channels_agree():
    def in_language(code):
        return Transcript((), language=code, source="engine")

    assert interleave([(Speaker("a"), in_language("de")), (Speaker("b"), in_language(None))]).language == "de"
    assert interleave([(Speaker("a"), in_language("de")), (Speaker("b"), in_language("en"))]).language is None
    assert interleave([(Speaker("a"), in_language("de")), (Speaker("b"), in_language("de"))]).source == "engine"


def test_a_note_on_every_channel_is_told_once_and_another_one_names_its_speaker():
    left, right = Transcript((), notes=("Both.", "One.")), Transcript((), notes=("Both.",))
    assert interleave([(Speaker("a", "Ana"), left), (Speaker("b"), right)]).notes == ("Both.", "Ana: One.")


def test_a_translation_on_any_channel_marks_the_whole_and_the_language_is_as_sure_as_the_least_sure():
    left = Transcript((), language="en", translated_from="pl", language_confidence=0.9)
    right = Transcript((), language="en", language_confidence=0.6)
    whole = interleave([(Speaker("a"), left), (Speaker("b"), right)])
    assert (whole.language, whole.translated_from, whole.language_confidence) == ("en", "pl", 0.6)


def test_a_channel_without_times_cannot_be_put_in_order():
    with pytest.raises(ValueError, match="times"):
        interleave([(Speaker("a"), transcript(cue("one")))])


def test_somebody_talking_at_the_same_time_on_the_other_channel_breaks_nothing():
    agent = Transcript((TranscriptSegment("so your new card", 0.0, 2.0, words=tuple(
        Word(w, i * 0.5, i * 0.5 + 0.5) for i, w in enumerate(("so", "your", "new", "card")))),))  # fmt: skip
    customer = transcript(said("okay", 0.9))
    dialogue = align(interleave([(Speaker("agent"), agent), (Speaker("customer"), customer)]))
    assert lines(dialogue) == ["agent: so your new card", "customer: okay"]
    assert dialogue[0].evidence.overlap == pytest.approx(0.15)


def test_a_speaker_gets_the_channel_that_is_clearly_louder():
    with call((0.5, 0.02), (0.02, 0.5), (0.4, 0.02)) as audio:
        dialogue = channel_of_speakers(one_second_each("ana", "ben", "ana"), audio)
    assert [s.channel for s in dialogue.speakers] == [0, 1]


def test_a_channel_that_is_only_a_little_louder_is_nobodys():
    with call((0.5, 0.35), (0.02, 0.5)) as audio:
        assert [s.channel for s in channel_of_speakers(one_second_each("ana", "ben"), audio).speakers] == [None, 1]


def test_two_speakers_on_one_channel_share_it_so_that_neither_has_it_alone():
    with call((0.5, 0.02), (0.5, 0.02)) as audio:
        assert [s.channel for s in channel_of_speakers(one_second_each("ana", "ben"), audio).speakers] == [None, None]


def test_one_mislabelled_utterance_does_not_change_a_speakers_channel():
    with call((0.5, 0.02), (0.02, 0.5), (0.5, 0.02)) as audio:
        assert channel_of_speakers(one_second_each("ana", "ana", "ana"), audio).speakers[0].channel == 0


def test_a_known_channel_stays_and_mono_changes_nothing():
    known = Dialogue("d", (Utterance("u1", "ana", start=0.0, end=1.0),), (Speaker("ana", channel=1),))
    with call((0.5, 0.02)) as audio:
        assert channel_of_speakers(known, audio) == known
    with Audio.from_array(np.zeros(RATE_HZ, np.float32), RATE_HZ) as mono:
        assert channel_of_speakers(one_second_each("ana"), mono) == one_second_each("ana")


def test_a_speaker_without_timed_utterances_has_no_channel():
    with call((0.5, 0.02)) as audio:
        chat = Dialogue("d", (Utterance("u1", "ana", "Hi."),), (Speaker("ana"),))
        assert channel_of_speakers(chat, audio).speakers[0].channel is None
