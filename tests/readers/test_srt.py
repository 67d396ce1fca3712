"""SubRip."""

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript
from convemo.readers.srt import read


def test_bracketed_speakers_tags_and_comma_times(fixture_path):
    transcript = read_transcript(fixture_path("call.srt"))
    assert [(s.start, s.end, s.speaker, s.text) for s in transcript.segments] == [
        (0.5, 2.0, "SPEAKER_00", "Harbour Bank, good morning."),
        (2.25, 4.75, "SPEAKER_01", "My card was swallowed at 9:15!"),
        (5.0, 6.0, "SPEAKER_00", "Oh no."),
    ]


def test_a_name_before_unnamed_voices_is_a_name_and_not_theirs():
    text = "1\n00:00:01,000 --> 00:00:02,000\nAnn: Hello\n\n2\n00:00:02,000 --> 00:00:04,000\n- I hate it\n- Me too\n"
    transcript = read(text, "a.srt")[0]
    assert [(s.speaker, s.voice, s.text) for s in transcript.segments] == [
        ("Ann", None, "Hello"),
        (None, 1, "I hate it"),
        (None, 2, "Me too"),
    ]


def test_role_words_as_names_state_roles():
    text = "1\n00:00:01,000 --> 00:00:02,000\nAgent: Hi.\n\n2\n00:00:03,000 --> 00:00:04,000\nCUSTOMER: No.\nAgent: Yes.\n"
    transcript = read(text, "a.srt")[0]
    assert [(s.id, s.role) for s in transcript.speakers] == [("Agent", "agent"), ("CUSTOMER", "customer")]
    assert [s.text for s in transcript.segments] == ["Hi.", "No.", "Yes."]


def test_missing_blank_lines_do_not_glue_numbers_to_the_words():
    text = "1\n00:00:01,000 --> 00:00:02,000\nHi.\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n"
    assert [s.text for s in read(text, "a.srt")[0].segments] == ["Hi.", "Bye."]


def test_a_number_that_is_said_is_kept():
    text = "1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n"
    assert [s.text for s in read(text, "a.srt")[0].segments] == ["42", "7"]


def test_an_arrow_in_the_words_is_no_time():
    assert read("1\n00:00:01,000 --> 00:00:02,000\nfrom a --> b\n", "a.srt")[0].segments[0].text == "from a --> b"


def test_a_lecture_in_which_remarks_recur_has_no_speakers():
    lines = ["Remember: look."] * 2 + ["We go on."] * 60
    text = "\n".join(f"{i}\n00:{i:02d}:00,000 --> 00:{i:02d}:02,000\n{line}\n" for i, line in enumerate(lines))
    transcript = read(text, "a.srt")[0]
    assert transcript.speakers == () and transcript.segments[0].text == "Remember: look."


def test_a_cut_off_time_names_file_and_line():
    with pytest.raises(TranscriptError, match=r"a\.srt, line 6: expected a cue time"):
        read("1\n00:00:01,000 --> 00:00:02,000\nHi.\n\n2\n00:00:03,000 -->\nBye.\n", "a.srt")


def test_the_emotion_that_our_own_export_adds_is_not_read_as_words():
    cues = ["Ana: Twice! [anger 0.72]", "Ben: Oh. [sadness? 0.31]", "Ana: [anger 1.00]", "Ben: See [section 2.50] [laughter]"]
    text = "\n".join(f"{i}\n00:00:0{i},000 --> 00:00:0{i},900\n{cue}\n" for i, cue in enumerate(cues))
    said = [(s.speaker, s.text) for s in read(text, "a.srt")[0].segments]
    assert said == [("Ana", "Twice!"), ("Ben", "Oh."), ("Ben", "See [section 2.50] [laughter]")]
