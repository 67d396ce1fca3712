"""WhatsApp's exported chats."""

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript
from convemo.readers.whatsapp import looks_like, read

IOS = """\
[01/03/2024, 10:00:00] Alice: \u200eMessages and calls are end-to-end encrypted. Only people in this chat can read them.
[01/03/2024, 10:00:05] Alice: Where is my order?
It cost 40: a lot.
\u200e[01/03/2024, 10:00:07] Alice: \u200eimage omitted
[01/03/2024, 10:01:05] Bob \U0001f600: Lost.
"""
ANDROID = """\
01/03/2024, 10:00 - Messages and calls are end-to-end encrypted. Tap to learn more.
01/03/2024, 10:00 - Alice: Where is my order?
01/03/2024, 10:00 - Alice: <Media omitted>
01/03/2024, 10:01 - +44 7700 900123: Lost.
"""


def said(transcript):
    return [(s.speaker, s.text, s.start, s.end) for s in transcript.segments]


def test_ios_files_have_seconds_and_marks_where_the_application_writes(saved):
    transcript = read_transcript(saved(IOS, "chat.txt"))
    assert transcript.source == "whatsapp"
    assert said(transcript) == [
        ("Alice", "Where is my order? It cost 40: a lot.", 0.0, None),
        ("Bob \U0001f600", "Lost.", 60.0, None),
    ]


def test_android_files_have_dashes_and_notices_without_a_name(saved):
    assert said(read_transcript(saved(ANDROID, "chat.txt"))) == [
        ("Alice", "Where is my order?", 0.0, None),
        ("+44 7700 900123", "Lost.", 60.0, None),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("[3/13/24, 11:59:30 PM]", "[3/14/24, 12:00:30 AM]"),  # only a month-first reading exists
        ("13.03.24, 23:59 -", "14.03.24, 00:00 -"),
        ("[2024-03-01, 10:00:00]", "[2024-03-01, 10:01:00]"),
        ("1/31/24, 11:59\u202fPM -", "2/1/24, 12:00\u202fAM -"),
        ("31/01/2024, 23.59 -", "01/02/2024, 00.00 -"),
    ],
)
def test_dates_are_read_as_phones_write_them(first, second):
    assert [s.start for s in read(f"{first} Ana: Hi.\n{second} Ben: Ho.\n", "a.txt")[0].segments] == [0.0, 60.0]


def test_where_numbers_do_not_tell_days_from_months_time_runs_forward():
    text = "02/01/24, 10:00 - Ana: Hi.\n01/02/24, 10:00 - Ben: Ho.\n"  # 2 January, then 1 February
    assert read(text, "a.txt")[0].segments[1].start == 30 * 86400.0
    turned = "01/02/24, 10:00 - Ana: Hi.\n02/01/24, 10:00 - Ben: Ho.\n"  # day first would run backwards
    assert read(turned, "a.txt")[0].segments[1].start == 30 * 86400.0


def test_a_date_that_no_calendar_has_is_named():
    with pytest.raises(TranscriptError, match=r"a\.txt, line 2: expected a date and a time"):
        read("01/03/2024, 10:00 - Ana: Hi.\n32/13/2024, 10:00 - Ana: Ho.\n", "a.txt")


@pytest.mark.parametrize("text", ["[00:00:05] Ana: Hi.", "Ana: 01/03/2024, 10:00 - ho", "01/03/2024, nothing"])
def test_other_texts_are_not_taken_for_it(text):
    assert looks_like(text) == 0.0
