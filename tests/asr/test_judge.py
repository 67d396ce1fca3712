import pytest

from convemo.asr.judge import DOUBTED, Judge
from convemo.asr.passages import Passage, Timeline
from convemo.asr.whisper_rules import Heard, HeardWord

SURE, UNSURE = -0.3, -1.7


def heard(text, start=0.0, log_probability=SURE, no_speech=0.0, compression=1.2) -> Heard:
    """Words of a third of a second each, one after another."""
    words = [HeardWord(f" {word}", start + i / 3, start + (i + 1) / 3, 0.8) for i, word in enumerate(text.split())]
    return Heard(f" {text}", tuple(words), log_probability, no_speech, compression)


@pytest.fixture
def judge():
    return Judge(Timeline(100.0), voice=((10.0, 12.5), (38.0, 40.0), (50.0, 61.0)))


PART = Passage(((10.0, 12.5),))


def said(segments) -> str:
    return " ".join(word.text for segment in segments for word in segment.words)


def confidences(segments) -> set:
    return {word.confidence for segment in segments for word in segment.words}


def test_what_is_believed_stays_as_it_was_said_and_needs_no_note(judge):
    (segment,) = judge.segments(PART, [heard("Good day to you.")])
    assert segment.text == "Good day to you." and confidences([segment]) == {0.8} and judge.notes == ()


@pytest.mark.parametrize(
    "invented",
    [
        heard("Thank you.", log_probability=UNSURE, no_speech=0.9),
        heard("and and and and", log_probability=UNSURE, compression=3.0),
        heard("Thanks for watching!"),
        heard("Subtitles by the Amara.org community"),
        heard("Untertitelung im Auftrag des ZDF, 2021"),
    ],
    ids=lambda heard: heard.text.strip(),
)
def test_what_was_invented_is_left_out_and_that_is_said(judge, invented):
    assert said(judge.segments(PART, [invented, heard("Good day.", start=10.0)])) == "Good day."
    assert judge.notes[0].startswith("Text was left out as invented at 0:10")


@pytest.mark.parametrize("text", ["Thank you.", "Thank you for watching over him.", "The subtitles are wrong.", "Please subscribe me."])
def test_what_people_say_is_no_subtitlers_credit(judge, text):
    assert said(judge.segments(PART, [heard(text)])) == text


def test_a_loop_is_kept_once_and_that_is_said(judge):
    segments = judge.segments(PART, [heard("Well I am sorry I am sorry I am sorry I am sorry", compression=3.1)])
    assert said(segments) == segments[0].text == "Well I am sorry"
    assert "kept once at 0:10" in judge.notes[0]


def test_somebody_who_says_no_six_times_is_believed(judge):
    assert said(judge.segments(PART, [heard("no no no no no no")])) == "no no no no no no"


@pytest.mark.parametrize("doubt", [{"log_probability": UNSURE}, {"compression": 2.6}])
def test_the_words_of_a_doubtful_segment_lose_confidence_and_that_is_said(judge, doubt):
    assert confidences(judge.segments(PART, [heard("Good day.", **doubt)])) == {0.8 * DOUBTED}
    assert judge.notes[0].startswith("2 of 2 words are doubtful")


def test_a_word_where_no_voice_was_detected_loses_confidence(judge):
    part = Passage(((38.0, 48.0),))
    (segment,) = judge.segments(part, [heard("yes then nothing at all and so on and on")])
    assert [word.confidence for word in segment.words] == [0.8] * 7 + [0.4] * 3


def test_a_voice_without_words_is_said(judge):
    assert judge.segments(PART, []) == [] and judge.segments(Passage(((59.8, 61.2),)), [heard("")]) == []
    assert judge.notes == ("A voice was detected, but no words were heard, at 0:10, 0:59.",)


def test_a_voice_that_goes_on_after_the_words_have_ended_is_said_from_there(judge):
    judge.segments(Passage(((50.0, 61.0),)), [heard("Good day."), heard("Hm.", start=4.0), heard("Bye.", start=10.0)])
    assert judge.notes == ("A voice was detected, but no words were heard, at 0:50, 0:54.",)


def test_words_that_belong_to_the_other_side_of_a_seam_are_not_missed(judge):
    judge.segments(Passage(((50.0, 61.0),), since=58.5), [heard("Good day."), heard("Bye.", start=10.0)])
    assert judge.notes == ()


def test_notes_hold_no_words_and_name_a_few_places():
    judge = Judge(Timeline(9000.0), voice=())
    for start in range(0, 8000, 1000):
        judge.segments(Passage(((float(start), start + 10.0),)), [heard("Canary.", log_probability=UNSURE, no_speech=0.9)])
    assert judge.notes[0].startswith("Text was left out as invented at 0:00, 16:40, 33:20, 50:00, 1:06:40 and 3 more places:")
    assert not any("Canary" in note for note in judge.notes)


def test_text_whose_words_could_not_be_aligned_is_not_lost(judge):
    (segment,) = judge.segments(PART, [Heard.of(" Hm.", 1.0, 2.0, [], SURE, 0.0, 1.0)])
    assert [(word.text, word.start, word.end) for word in segment.words] == [("Hm.", 11.0, 12.0)]
