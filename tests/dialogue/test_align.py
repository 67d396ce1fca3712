"""Who said what: words × turns."""

from dataclasses import replace

import pytest

from convemo.dialogue.align import align
from convemo.types import Diarization, Speaker, Transcript, TranscriptSegment, Turn, Word

from .builders import cue, lines, said, transcript, turns, words


def test_a_word_on_the_border_goes_to_the_speaker_who_holds_most_of_it():
    dialogue = align(words("hello", 0.9, 1.4), turns(ana=(0.0, 1.0), ben=(1.0, 2.0)))
    assert [u.speaker for u in dialogue] == ["ben"]


def test_a_word_outside_all_turns_goes_to_the_nearest_one():
    dialogue = align(words("hello", 1.3, 1.5), turns(ana=(0.0, 1.0), ben=(1.6, 2.0)))
    assert [u.speaker for u in dialogue] == ["ben"]


def test_a_word_far_from_all_turns_goes_with_the_nearest_word():
    dialogue = align(words("well", 0.5, 0.9, "hello", 2.0, 2.4), turns(ana=(0.0, 1.0), ben=(3.0, 4.0)))
    assert lines(dialogue) == ["ana: well", "ana: hello"]


def test_a_word_of_no_length_goes_to_the_turn_it_lies_in():
    dialogue = align(words("hello", 1.5, 1.5), turns(ana=(0.0, 1.0), ben=(1.0, 2.0)))
    assert [u.speaker for u in dialogue] == ["ben"]


def test_in_overlapped_speech_the_one_who_was_speaking_goes_on():
    heard = transcript(said("I have told you that already, twice.", start=0.0, word_s=0.5))
    dialogue = align(heard, turns(ana=(0.0, 4.0), ben=(1.0, 2.6)))
    assert lines(dialogue) == ["ana: I have told you that already, twice."]


def test_in_overlapped_speech_it_does_not_matter_who_spoke_first_of_all():
    heard = transcript(said("Hello there. I have told you that already, twice.", start=0.0, word_s=0.5))
    dialogue = align(heard, turns(ben=[(0.0, 1.0), (2.0, 3.6)], ana=(1.0, 4.5)))
    assert lines(dialogue) == ["ben: Hello there.", "ana: I have told you that already, twice."]


def test_where_the_foremost_voice_is_known_words_go_by_it_and_overlap_by_all_turns():
    heard, both = words("hello", 1.0, 1.4), turns(ana=(0.0, 2.0), ben=(0.9, 1.5))
    assert [u.speaker for u in align(heard, both)] == ["ana"]
    dialogue = align(heard, replace(both, exclusive=(Turn(0.0, 0.9, "ana"), Turn(0.9, 1.5, "ben"), Turn(1.5, 2.0, "ana"))))
    assert [(u.speaker, u.evidence.overlap) for u in dialogue] == [("ben", 1.0)]


def test_a_word_held_by_two_turns_of_one_speaker_counts_both():
    dialogue = align(words("hello", 0.0, 1.0), turns(ana=[(0.0, 0.3), (0.7, 1.0)], ben=(0.3, 0.7)))
    assert [u.speaker for u in dialogue] == ["ana"]


def test_overlap_and_confidence_are_kept_as_evidence():
    heard = Transcript((TranscriptSegment("so then", 0.0, 1.0, words=(Word("so", 0.0, 0.5, 0.9), Word("then", 0.5, 1.0, 0.7))),))
    dialogue = align(heard, turns(ana=(0.0, 0.75), ben=(0.6, 0.8)))
    evidence = dialogue[0].evidence
    assert evidence.overlap == pytest.approx(0.2)
    assert evidence.asr_confidence == pytest.approx(0.8)
    assert evidence.speaker_confidence == pytest.approx(0.75)


def test_a_turn_within_a_longer_one_of_the_same_speaker_takes_nothing_from_it():
    dialogue = align(words("so", 0.0, 1.0), turns(ana=[(0.0, 1.0), (0.2, 0.4)], ben=(1.0, 2.0)))
    assert dialogue[0].evidence.speaker_confidence == 1.0


def test_evidence_that_nobody_has_is_none():
    evidence = align(transcript(cue("Hello.", 0.0, 1.0)))[0].evidence
    assert (evidence.overlap, evidence.asr_confidence, evidence.speaker_confidence, evidence.speech_s) == (None,) * 4


def test_speech_seconds_are_counted_within_each_utterance():
    dialogue = align(words("hello", 0.0, 1.0), None, speech=[(0.25, 0.5), (0.75, 3.0)])
    assert dialogue[0].evidence.speech_s == 0.5


def test_words_without_times_are_placed_by_their_share_of_the_letters():
    heard = transcript(cue("Are you sure? Absolutely certain!", 0.0, 4.0))
    dialogue = align(heard, turns(ana=(0.0, 1.6), ben=(1.6, 4.0)))
    assert lines(dialogue) == ["ana: Are you sure?", "ben: Absolutely certain!"]


def test_estimated_times_stay_out_of_the_words():
    heard = Transcript(
        (TranscriptSegment("it costs 25 euros", 0.0, 2.0, words=(Word("it"), Word("costs", 0.4, 0.8), Word("25"), Word("euros"))),)
    )
    dialogue = align(heard, turns(ana=(0.0, 2.0)))
    assert dialogue[0].words == heard.segments[0].words
    assert (dialogue[0].start, dialogue[0].end) == (0.0, 2.0)


def test_an_unplaced_word_between_two_placed_ones_takes_the_time_between():
    heard = Transcript((TranscriptSegment("a 25 b", 0.0, 3.0, words=(Word("a", 0.0, 0.4), Word("25"), Word("b", 2.6, 3.0))),))
    dialogue = align(heard, turns(ana=(0.0, 0.4), ben=(0.4, 2.6), cleo=(2.6, 3.0)))
    assert lines(dialogue) == ["ana: a", "ben: 25", "cleo: b"]


def test_punctuation_that_only_the_text_has_stays_with_its_word():
    heard = Transcript((TranscriptSegment("Really? Yes, of course.", 0.0, 2.0, words=tuple(
        Word(w, i * 0.5, i * 0.5 + 0.5) for i, w in enumerate(("really", "yes", "of", "course"))
    )),))  # fmt: skip
    dialogue = align(heard, turns(ana=(0.0, 0.5), ben=(0.5, 2.0)))
    assert lines(dialogue) == ["ana: Really?", "ben: Yes, of course."]


def test_text_that_disagrees_with_its_words_is_kept_whole():
    heard = Transcript((TranscriptSegment("It is $25.", 0.0, 2.0, words=tuple(
        Word(w, i * 0.4, i * 0.4 + 0.4) for i, w in enumerate(("it", "is", "twenty", "five", "dollars"))
    )),))  # fmt: skip
    assert lines(align(heard)) == ["speaker 1: It is $25."]


def test_japanese_text_is_joined_without_spaces_and_cut_at_its_full_stops():
    heard = transcript(cue("そうですか。わかりました。", 0.0, 4.0))
    dialogue = align(heard, turns(ana=(0.0, 2.0), ben=(2.0, 4.0)))
    assert lines(dialogue) == ["ana: そうですか。", "ben: わかりました。"]


def test_a_chat_message_is_one_utterance_in_its_given_place():
    chat = transcript(cue("Hi.", speaker="ana"), cue("Anybody there?", speaker="ana"), cue("Yes! What is it?", speaker="ben"))
    dialogue = align(chat)
    assert lines(dialogue) == ["ana: Hi.", "ana: Anybody there?", "ben: Yes! What is it?"]
    assert {(u.start, u.end, u.evidence.overlap) for u in dialogue} == {(None, None, None)}
    assert [u.id for u in dialogue] == ["u1", "u2", "u3"]


def test_a_chat_message_with_a_time_stamp_keeps_it_and_is_never_moved():
    chat = transcript(cue("First.", 9.0, None, "ana"), cue("Second, by a wrong clock.", 3.0, None, "ben"))
    assert [(u.text, u.start, u.end) for u in align(chat)] == [("First.", 9.0, None), ("Second, by a wrong clock.", 3.0, None)]


def test_a_transcript_without_any_speaker_has_one():
    dialogue = align(transcript(cue("Hello.", 0.0, 1.0)))
    assert [u.speaker for u in dialogue] == ["speaker 1"] == [s.id for s in dialogue.speakers]


def test_speakers_whom_the_transcript_names_are_kept():
    heard = transcript(cue("Hello.", 0.0, 1.0, "Ana"), cue("Hi!", 1.2, 2.0, "Ben"))
    dialogue = align(heard, turns(**{"speaker 1": (0.0, 2.0)}))
    assert lines(dialogue) == ["Ana: Hello.", "Ben: Hi!"]
    assert [s.id for s in dialogue.speakers] == ["Ana", "Ben"]


def test_a_cue_without_a_name_belongs_to_whoever_spoke_last():
    heard = transcript(cue("Hello.", 0.0, 1.0, "Ana"), cue("How are you?", 5.0, 6.0))
    assert lines(align(heard)) == ["Ana: Hello.", "Ana: How are you?"]


def test_turns_of_the_same_speakers_add_evidence_to_a_named_transcript():
    heard = transcript(cue("Hello.", 0.0, 1.0, "ana"), cue("Hi!", 2.0, 3.0, "ben"))
    dialogue = align(heard, turns(ana=(0.0, 1.0), ben=(0.5, 3.0)))
    assert [u.evidence.overlap for u in dialogue] == [0.5, 0.0]
    assert [u.evidence.speaker_confidence for u in dialogue] == [1.0, 1.0]


def test_overlap_is_read_off_the_cues_where_there_are_no_turns():
    dialogue = align(transcript(cue("Hello there.", 0.0, 2.0, "ana"), cue("Hi!", 1.0, 2.0, "ben")))
    assert [u.evidence.overlap for u in dialogue] == [0.5, 1.0]


def test_speakers_carry_what_either_source_knows():
    heard = Transcript((cue("Hello.", 0.0, 1.0, "s1"),), (Speaker("s1", name="Ana"),))
    turned = Diarization((Turn(0.0, 1.0, "s1"),), (Speaker("s1", channel=1, role="agent"), Speaker("s2", channel=0)))
    assert align(heard, turned).speakers == (Speaker("s1", "Ana", "agent", 1), Speaker("s2", channel=0))


def test_the_dialogue_is_called_as_the_caller_or_the_transcript_says():
    heard = Transcript((cue("Hello."),), id="call 7")
    assert [align(heard, id="mine").id, align(heard).id, align(transcript(cue("Hello."))).id] == ["mine", "call 7", "dialogue"]


def test_turns_alone_become_utterances_without_text():
    dialogue = align(None, turns(ana=[(0.0, 2.0), (2.3, 4.0)], ben=(5.0, 6.0)))
    assert [(u.speaker, u.start, u.end, u.text) for u in dialogue] == [("ana", 0.0, 4.0, None), ("ben", 5.0, 6.0, None)]


def test_a_long_turn_is_cut_where_speech_pauses():
    dialogue = align(None, turns(ana=(0.0, 24.0)), speech=[(0.0, 9.0), (9.9, 14.0), (14.3, 24.0)])
    assert [(u.start, u.end) for u in dialogue] == [(0.0, 9.0), (9.9, 24.0)]


def test_a_long_turn_without_pauses_is_cut_evenly():
    dialogue = align(None, turns(ana=(0.0, 40.0)), speech=[(0.0, 40.0)])
    assert [round(u.end - u.start, 3) for u in dialogue] == [13.333] * 3


def test_a_turn_in_which_no_voice_was_detected_stays():
    assert [(u.start, u.end) for u in align(None, turns(ana=(0.0, 2.0)), speech=[(5.0, 6.0)])] == [(0.0, 2.0)]


def test_empty_segments_and_empty_turns_are_nothing():
    assert len(align(transcript(cue("  ", 0.0, 1.0)), turns(ana=(0.0, 1.0)))) == 0
    assert len(align(None, turns(ana=(1.0, 1.0)))) == 0
    assert len(align(Transcript(()))) == 0


def test_without_a_transcript_and_without_turns_all_speech_is_one_speakers():
    dialogue = align(None, speech=((0.5, 2.0), (4.0, 5.0)))
    assert [(u.speaker, u.text, u.start, u.end) for u in dialogue] == [("speaker 1", None, 0.5, 2.0), ("speaker 1", None, 4.0, 5.0)]


def test_a_transcript_and_turns_that_are_both_missing_is_a_mistake():
    with pytest.raises(ValueError, match="transcript"):
        align(None)
