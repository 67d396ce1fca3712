"""Stray words and true interjections."""

from convemo.dialogue.align import align
from convemo.types import Transcript, TranscriptSegment, Word

from .builders import cue, lines, said, transcript, turns, words


def test_a_stray_word_in_mid_sentence_does_not_change_the_speaker():
    heard = transcript(said("I would like to change my booking, please.", word_s=0.25))
    dialogue = align(heard, turns(ana=[(0.0, 0.75), (1.0, 3.0)], ben=(0.75, 1.0)))
    assert lines(dialogue) == ["ana: I would like to change my booking, please."]


def test_a_backchannel_that_pauses_set_apart_keeps_its_speaker():
    heard = words("I", 0.0, 0.2, "would", 0.2, 0.5, "yeah", 0.7, 0.9, "like", 1.1, 1.4, "that", 1.4, 1.8)
    dialogue = align(heard, turns(ana=[(0.0, 0.5), (1.1, 1.8)], ben=(0.7, 0.9)))
    assert lines(dialogue) == ["ana: I would like that", "ben: yeah"]


def test_a_backchannel_that_is_a_sentence_keeps_its_speaker():
    heard = transcript(said("I know that already. Yeah. And so I called again.", word_s=0.25))
    dialogue = align(heard, turns(ana=[(0.0, 1.0), (1.25, 3.0)], ben=(1.0, 1.25)))
    assert lines(dialogue) == ["ana: I know that already.", "ben: Yeah.", "ana: And so I called again."]


def test_the_first_word_of_a_sentence_is_a_stray_too():
    heard = transcript(said("I know that already. And so I called again.", word_s=0.25))
    dialogue = align(heard, turns(ana=[(0.0, 1.0), (1.25, 3.0)], ben=(1.0, 1.25)))
    assert {u.speaker for u in dialogue} == {"ana"}


def test_unnamed_voices_of_a_cue_have_names_of_their_own():
    heard = transcript(cue("Where is my order?", 0.0, 1.0, voice=1), cue("It was lost, sorry.", 1.0, 2.0, voice=2))
    assert lines(align(heard)) == ["voice 1: Where is my order?", "voice 2: It was lost, sorry."]


def test_unnamed_voices_are_not_the_named_speaker_nor_smoothed_away_nor_lent_to_other_cues():
    heard = transcript(
        cue("Hello", 0.0, 1.0, "Ann"),
        cue("I hate it", 1.0, 1.8, voice=1),
        cue("Me", 1.8, 2.0, voice=2),
        cue("and yet", 2.0, 2.5, voice=1),
        cue("no", 2.5, 3.0, voice=2),
        cue("Well then", 3.0, 4.0),
    )
    assert lines(align(heard)) == ["Ann: Hello", "voice 1: I hate it", "voice 2: Me", "voice 1: and yet", "voice 2: no", "Ann: Well then"]


def test_turns_find_out_whose_the_unnamed_voices_are():
    heard = transcript(cue("Where is my order?", 0.0, 1.0, voice=1), cue("It was lost, sorry.", 1.0, 2.0, voice=2))
    assert lines(align(heard, turns(ana=(0.0, 1.0), ben=(1.0, 2.0)))) == ["ana: Where is my order?", "ben: It was lost, sorry."]


def test_two_voices_of_a_cue_are_two_utterances_even_if_one_turn_holds_both():
    heard = transcript(cue("I hate it", 0.0, 1.0, voice=1), cue("me too", 1.0, 2.0, voice=2))
    assert lines(align(heard, turns(ana=(0.0, 2.0)))) == ["ana: I hate it", "ana: me too"]


def test_three_words_are_no_stray():
    heard = transcript(said("I would like oh yes please to change it", word_s=0.3))
    dialogue = align(heard, turns(ana=[(0.0, 0.9), (1.8, 3.0)], ben=(0.9, 1.8)))
    assert {u.speaker for u in dialogue} == {"ana", "ben"}


def test_a_slow_word_is_no_stray():
    heard = words("I", 0.0, 0.2, "would", 0.2, 0.5, "nooooo", 0.5, 1.8, "like", 1.8, 2.1, "that", 2.1, 2.4)
    dialogue = align(heard, turns(ana=[(0.0, 0.5), (1.8, 2.4)], ben=(0.5, 1.8)))
    assert {u.speaker for u in dialogue} == {"ana", "ben"}


def test_a_word_between_two_other_speakers_is_no_stray():
    heard = transcript(said("well I think no we should go", word_s=0.3))
    dialogue = align(heard, turns(ana=(0.0, 0.9), ben=(0.9, 1.2), cleo=(1.2, 2.1)))
    assert {u.speaker for u in dialogue} == {"ana", "ben", "cleo"}


def test_a_cue_that_the_transcript_gives_to_somebody_is_never_taken_from_them():
    heard = transcript(cue("so I went", 0.0, 1.0, "Ana"), cue("mm", 1.0, 1.3, "Ben"), cue("to the bank", 1.3, 2.0, "Ana"))
    assert "Ben: mm" in lines(align(heard))


def test_words_whose_speaker_flips_within_a_segment_of_another_are_smoothed():
    given = tuple(
        Word(w, i * 0.3, i * 0.3 + 0.3, speaker="B" if w == "my" else "A") for i, w in enumerate(("I", "lost", "my", "card", "yesterday"))
    )
    heard = Transcript((TranscriptSegment("I lost my card yesterday", 0.0, 1.5, speaker="A", words=given),))
    assert lines(align(heard)) == ["A: I lost my card yesterday"]


def test_pauses_alone_do_not_make_an_interjection_of_a_word_that_is_half_held():
    heard = words("I", 0.0, 0.2, "would", 0.2, 0.5, "really", 0.7, 0.9, "like", 1.1, 1.4, "that", 1.4, 1.8)
    dialogue = align(heard, turns(ana=[(0.0, 0.5), (1.1, 1.8)], ben=(0.78, 0.9)))
    assert {u.speaker for u in dialogue} == {"ana"}


def test_two_words_between_single_words_are_no_stray():
    heard = transcript(said("well I think no", word_s=0.3))
    dialogue = align(heard, turns(ana=[(0.0, 0.3), (0.9, 1.2)], ben=(0.3, 0.9)))
    assert {u.speaker for u in dialogue} == {"ana", "ben"}


def test_the_last_word_of_a_sentence_is_a_stray_too():
    heard = transcript(said("I would like that. Then I called again.", word_s=0.25))
    dialogue = align(heard, turns(ana=[(0.0, 0.75), (1.0, 3.0)], ben=(0.75, 1.0)))
    assert {u.speaker for u in dialogue} == {"ana"}
