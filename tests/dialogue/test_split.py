"""Where an utterance ends."""

import pytest

from convemo.dialogue.align import align
from convemo.dialogue.sentences import ends_sentence
from convemo.dialogue.split import SplitRules
from convemo.types import Transcript, TranscriptSegment

from .builders import cue, lines, said, transcript, turns, words


def texts(*segments, **settings):
    return [u.text for u in align(Transcript(segments), **settings)]


def test_a_pause_ends_an_utterance():
    assert len(align(words("hello", 0.0, 0.4, "there", 1.1, 1.5))) == 2
    assert len(align(words("hello", 0.0, 0.4, "there", 1.0, 1.4))) == 1


def test_a_sentence_end_ends_an_utterance():
    assert texts(said("I lost my card. Can you help me?", word_s=0.4)) == ["I lost my card.", "Can you help me?"]


def test_a_sentence_of_a_word_or_two_stays_with_the_next():
    assert texts(said("Yes. I would like that. Thank you.", word_s=0.4)) == ["Yes. I would like that. Thank you."]


def test_a_sentence_too_quick_to_hear_stays_with_the_next():
    assert texts(said("I am here. Are you there now?", word_s=0.2)) == ["I am here. Are you there now?"]


def test_a_short_sentence_stays_alone_beside_one_of_the_greatest_length():
    assert texts(said("Yes. " + "w " * 37, word_s=0.4)) == ["Yes.", "w " * 36 + "w"]


def test_cues_are_put_in_order_of_time_before_they_are_merged():
    heard = (cue("that we could go.", 2.8, 4.0, "ana"), cue("So I thought", 0.0, 2.0, "ana"))
    assert texts(*heard) == ["So I thought that we could go."]


def test_cues_of_one_speaker_that_go_on_with_a_sentence_are_merged():
    assert texts(cue("So I thought", 0.0, 2.0, "ana"), cue("that we could go.", 2.8, 4.0, "ana")) == ["So I thought that we could go."]


def test_cues_that_end_a_sentence_are_not_merged():
    assert texts(cue("Okay.", 0.0, 2.0, "ana"), cue("So let us start.", 2.0, 4.0, "ana")) == ["Okay.", "So let us start."]


def test_cues_with_a_long_silence_between_are_not_merged():
    assert texts(cue("So I thought", 0.0, 2.0, "ana"), cue("that we could go.", 3.5, 5.0, "ana")) == ["So I thought", "that we could go."]


def test_cues_with_somebody_else_between_are_not_merged():
    heard = (cue("what do you think", 0.0, 2.0, "ana"), cue("yes", 2.2, 2.5, "ben"), cue("great okay", 2.7, 3.5, "ana"))
    assert lines(align(Transcript(heard))) == ["ana: what do you think", "ben: yes", "ana: great okay"]


def test_a_backchannel_in_the_middle_does_not_break_a_sentence():
    mine, theirs = said("and so we went to the bank together", word_s=0.4, speaker="ana"), said("mm-hm", 1.0, speaker="ben")
    assert lines(align(transcript(mine, theirs))) == ["ana: and so we went to the bank together", "ben: mm-hm"]


def test_talking_on_over_somebody_does_not_break_a_sentence():
    mine = said("and so we went to the bank together", word_s=0.4, speaker="ana")
    theirs = said("but that is not what happened", 0.9, word_s=0.3, speaker="ben")
    assert len(align(transcript(mine, theirs))) == 2


def test_a_drawn_out_word_over_which_somebody_else_says_a_lot_breaks_nothing():
    mine = words("we", 0.0, 0.3, "reeeeally", 0.3, 1.5, "want", 1.6, 1.9, "it", 1.9, 2.0, speaker="ana").segments[0]
    theirs = said("no no no no", 0.4, word_s=0.2, speaker="ben")
    assert lines(align(transcript(mine, theirs))) == ["ana: we reeeeally want it", "ben: no no no no"]


def test_an_interruption_breaks_a_sentence():
    heard = transcript(
        words("and", 0.0, 0.3, "so", 0.3, 0.6, "we", 1.2, 1.5, "went", 1.5, 1.9, speaker="ana").segments[0],
        said("no no no", 0.6, word_s=0.2, speaker="ben"),
    )
    assert lines(align(heard)) == ["ana: and so", "ben: no no no", "ana: we went"]


def test_an_answer_between_two_sentences_parts_them():
    heard = transcript(said("How are you? Fine. Good to hear.", word_s=0.3))
    dialogue = align(heard, turns(ana=[(0.0, 0.9), (1.2, 3.0)], ben=(0.9, 1.2)))
    assert lines(dialogue) == ["ana: How are you?", "ben: Fine.", "ana: Good to hear."]


def test_no_utterance_is_longer_than_the_rules_allow():
    flow = said(" ".join(f"word{i}" for i in range(100)), word_s=0.4)
    assert all(u.duration_s <= 15.0 for u in align(Transcript((flow,))))
    assert len(align(Transcript((flow,)), rules=SplitRules(max_s=60.0))) == 1


def test_a_long_utterance_is_cut_at_its_longest_pause():
    early, late = said("a " * 17 + "a", 0.0, 0.4).words, said("b, " * 22, 7.6, 0.4).words  # 0.4 s between them, off the middle
    heard = TranscriptSegment("", 0.0, late[-1].end, words=(*early, *late))
    assert texts(heard) == ["a " * 17 + "a", "b, " * 21 + "b,"]


def test_without_pauses_a_long_utterance_is_cut_between_cues_rather_than_at_a_comma():
    assert texts(cue("so, " * 10, 0.0, 7.0, "ana"), cue("then, " * 10, 7.0, 18.0, "ana")) == ["so, " * 9 + "so,", "then, " * 9 + "then,"]


def test_without_pauses_a_long_utterance_is_cut_at_a_comma():
    heard = said("a " * 17 + "a, " + "b " * 24, word_s=0.4)
    assert texts(heard) == ["a " * 17 + "a,", "b " * 23 + "b"]


def test_a_long_cue_without_word_times_is_cut_at_sentence_ends():
    first, second = "This has taken far longer than anybody told me.", "I should very much like to have my money back."
    assert texts(cue(f"{first} {second}", 0.0, 20.0, "ana")) == [first, second]


def test_utterances_are_ordered_by_beginning_and_then_end():
    heard = transcript(cue("long one.", 0.0, 5.0, "ana"), cue("early.", 3.0, 4.0, "ben"), cue("earlier.", 3.0, 3.5, "cleo"))
    assert [u.speaker for u in align(heard)] == ["ana", "cleo", "ben"]


def test_overlapping_cues_of_one_speaker_do_not_mix_their_words():
    heard = transcript(cue("one two three.", 0.0, 5.0, "ana"), cue("four five six.", 3.0, 6.0, "ana"))
    assert lines(align(heard)) == ["ana: one two three.", "ana: four five six."]


@pytest.mark.parametrize(
    ("word", "following", "ends"),
    [
        ("done.", "Then", True),
        ("done", "Then", False),
        ("what?", "he", True),
        ("Stop!”", "he", True),
        ("(really.)", "Then", True),
        ("终于。", None, True),
        ("哪里？", None, True),
        ("Dr.", "Who", False),
        ("(Mr.", "Bean)", False),
        ("e.g.", "Paris", False),
        ("z.B.", "Paris", False),
        ("J.", "Smith", False),
        ("I.", "You", True),
        ("U.S.", "army", False),
        ("U.S.", "Then", True),
        ("3.5", "million", False),
        ("3.", "Mai", True),
        ("3.", "and", False),
        ("etc.", "and", False),
        ("etc.", "“Then", True),
        ("No.", "Never", True),
        ("no.", "7", False),
        ("well…", "maybe", False),
        ("well...", "Maybe", True),
        ("well...", None, True),
        (".", None, True),
        ("”", None, False),
        (None, None, False),
    ],
)
def test_where_a_sentence_ends(word, following, ends):
    assert ends_sentence(word, following) is ends


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="max_s"):
        SplitRules(max_s=0.0)
    with pytest.raises(ValueError, match="negative"):
        SplitRules(pause_s=-1.0)
