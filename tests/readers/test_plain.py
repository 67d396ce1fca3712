"""Plain text with names or times."""

import pytest

from convemo.readers import read_transcript
from convemo.readers.plain import looks_like, read


def said(text):
    return [(s.speaker, s.text, s.start) for s in read(text, "a.txt")[0].segments]


def test_names_and_times_and_colons_that_are_neither(fixture_path):
    transcript = read_transcript(fixture_path("names.txt"))
    assert [(s.speaker, s.text, s.start, s.end) for s in transcript.segments] == [
        ("Agent", "Harbour Bank, good morning.", 1.0, 4.0),
        (
            "Customer",
            "I called at 10:30: nobody answered. Note: it was the third time. See https://example.org: it is written there.",
            4.0,
            69.0,
        ),
        ("Supervisor", "May I take over?", 69.0, 72.0),
        ("Supervisor", "Thank you both.", 72.0, None),
    ]
    assert [s.role for s in transcript.speakers] == ["agent", "customer", None]


def test_zoom_text_has_name_and_time_above_the_words(fixture_path):
    assert [(s.speaker, s.text, s.start) for s in read_transcript(fixture_path("zoom.txt")).segments] == [
        ("Mei Tanaka", "It is really kind of you.", 2.0),
        ("15551234567", "We meet at 10:30: as always.", 7.0),
    ]


def test_otter_text_has_two_spaces_before_the_time_and_its_footer_is_not_speech(fixture_path):
    assert [(s.speaker, s.text, s.start) for s in read_transcript(fixture_path("otter.txt")).segments] == [
        ("Mei Tanaka", "It is really kind of you. Note: we meet at 10:30", 2.0),
        ("Sam Ortiz", "Someone had to.", 3727.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[00:00:05] Ana: Hi.\n[00:00:07] Ben: Ho.\n",
        "(0:05) Ana: Hi.\n(0:07) Ben: Ho.\n",
        "00:00:05 Ana: Hi.\n00:00:07 Ben: Ho.\n",
        "00:00:05\t Ana:\tHi.\n00:00:07\t Ben:\tHo.\n",
        "Ana (00:05): Hi.\nBen [00:07]: Ho.\n",
        "Ana: (00:05) Hi.\nBen: [00:00:07] Ho.\n",
        "Ana: (00:05)\nHi.\n\nBen: (00:07)\nHo.\n",
        "Ana  0:05\nHi.\n\nBen  0:07\nHo.\n",
    ],
)
def test_the_time_may_stand_before_within_or_after_the_name(text):
    assert said(text) == [("Ana", "Hi.", 5.0), ("Ben", "Ho.", 7.0)]


def test_whispers_screen_output_gives_both_times():
    segment = read("[00:00.000 --> 00:04.500]  Hello there.\n", "a.txt")[0].segments[0]
    assert (segment.text, segment.start, segment.end, segment.speaker) == ("Hello there.", 0.0, 4.5, None)


def test_lines_without_a_name_go_on_with_what_was_said():
    assert said("Ana: one\ntwo at 10:30\n\nthree\nBen: four\nAna:\nfive\n") == [
        ("Ana", "one two at 10:30 three", None),
        ("Ben", "four", None),
        ("Ana", "five", None),
    ]


def test_words_before_the_first_name_are_nobodys():
    assert said("Interview of May\nAna: Hi.\nBen: Ho.\n")[0] == (None, "Interview of May", None)


def test_a_bare_time_at_the_beginning_of_a_line_is_words_unless_a_name_follows():
    assert said("Ana: See you at\n10:30 sharp.\nBen: Yes.\n")[0][1] == "See you at 10:30 sharp."


@pytest.mark.parametrize(
    "text", ["Dear Ana:\nI write.\nIt came at 10:30.\nSee https://a.b: there.\n", "Hello.", '{"Ana: x": 1}', "<p>\nAna: x"]
)
def test_prose_is_no_transcript(text):
    assert looks_like(text) == 0.0
