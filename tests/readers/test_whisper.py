"""Whisper and WhisperX."""

import json

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript
from convemo.readers.whisper import looks_like, read


def test_whisper_words_confidence_and_language(fixture_path):
    transcript = read_transcript(fixture_path("whisper.json"))
    first, second = transcript.segments
    assert (first.text, first.start, first.end, first.confidence) == ("The parcel never came.", 0.0, 1.8, 0.8)
    assert [(w.text, w.start, w.end, w.confidence) for w in first.words][1] == ("parcel", 0.3, 0.8, 0.99)
    assert second.words == () and transcript.language == "en" and transcript.speakers == ()


def test_a_whisperx_word_without_speaker_or_times_is_kept(fixture_path):
    first, second = read_transcript(fixture_path("whisperx.json")).segments
    assert [(w.text, w.start, w.speaker) for w in first.words] == [
        ("I", 0.031, "SPEAKER_01"),
        ("paid", 0.12, "SPEAKER_01"),
        ("40", None, "SPEAKER_01"),
        ("euros.", 0.9, "SPEAKER_01"),
        ("You", 1.8, "SPEAKER_00"),
        ("did?", 2.0, "SPEAKER_00"),
    ]
    assert first.words[3].confidence is None  # the file says NaN
    assert second.speaker == "SPEAKER_01"  # who says most of its words


def test_words_that_do_not_make_up_the_text_are_left_out_and_the_text_stays():
    text = json.dumps({"segments": [{"start": 0, "end": 1, "text": "one two three", "words": [{"word": "one"}, {"word": "three"}]}]})
    segment = read(text, "a.json")[0].segments[0]
    assert (segment.text, segment.words) == ("one two three", ())


def test_words_alone_are_the_text():
    text = json.dumps({"segments": [{"start": 0, "end": 1, "words": [{"word": " Hello"}, {"word": " you."}]}]})
    segment = read(text, "a.json")[0].segments[0]
    assert segment.text == "Hello you." and len(segment.words) == 2


def test_words_without_spaces_between_them_make_up_a_text_without_spaces():
    text = json.dumps(
        {"segments": [{"start": 0, "end": 1, "text": "你好", "words": [{"word": "你"}, {"word": "好"}]}], "language": "Chinese"}
    )
    transcript = read(text, "a.json")[0]
    assert [w.text for w in transcript.segments[0].words] == ["你", "好"] and transcript.language == "zh"


def test_tsv_is_in_milliseconds_and_quotes_are_words(fixture_path):
    assert [(s.start, s.end, s.text) for s in read_transcript(fixture_path("whisper.tsv")).segments] == [
        (0.0, 1.8, "The parcel never came."),
        (2.1, 2.9, 'I "see".'),
    ]


def test_a_tsv_in_seconds_is_not_whispers():
    assert looks_like("start\tend\ttext\n0.0\t1.8\tHi.\n") == 0.0


def test_a_broken_tsv_row_names_file_and_line():
    with pytest.raises(TranscriptError, match=r"a\.tsv, line 3: expected start and end in whole milliseconds"):
        read("start\tend\ttext\n0\t1800\tHi.\n1800\tHo.\n", "a.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"segments": [{"start": "a", "text": "x"}]}', r"segments\[0\]\.start to be a number, found a text \('a'\)"),
        ('{"segments": [{"start": true, "text": "x"}]}', r"segments\[0\]\.start to be a number, found true or false"),
        ('{"segments": [{"start": 0, "text": ["x"]}]}', r"segments\[0\]\.text to be a text, found a list"),
        ('{"segments": [{"start": 0, "text": "x"}, 3]}', r"segments\[1\] to be an object, found a number"),
        ('{"segments": [{"start": 0, "text": "x", "words": [{"word": 1}]}]}', r"segments\[0\]\.words\[0\]\.\w+ to be a text"),
        ('{"segments": {}}', r"segments to be a list"),
    ],
)
def test_a_field_of_a_wrong_type_is_named(content, message):
    with pytest.raises(TranscriptError, match=message):
        read(content, "a.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_a_time_that_is_no_finite_number_is_unknown(number):
    assert read(f'{{"segments": [{{"start": {number}, "end": 2, "text": "x"}}]}}', "a.json")[0].segments[0].start is None


@pytest.mark.parametrize("content", ['{"segments":' + "[" * 100_000, '{"segments": [{"start": ' + "1" * 5000 + ', "text": "x"}]}'])
def test_json_beyond_all_bounds_is_one_error(saved, content):
    with pytest.raises(TranscriptError):
        read_transcript(saved(content))
