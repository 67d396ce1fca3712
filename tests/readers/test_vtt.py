"""WebVTT as Teams, Zoom, YouTube and others write it."""

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript
from convemo.readers.vtt import read


def said(transcript):
    return [(s.speaker, s.text) for s in transcript.segments]


def cues(*texts):
    return "WEBVTT\n\n" + "\n\n".join(f"00:00:{i:02d}.000 --> 00:00:{i + 1:02d}.000\n{text}" for i, text in enumerate(texts)) + "\n"


def test_teams_voice_tags_span_lines_lack_ends_and_hold_entities(fixture_path):
    transcript = read_transcript(fixture_path("teams.vtt"))
    assert said(transcript) == [
        ("Priya Raman", "Hello, thanks for calling back."),
        ("O'Neill, Tom", "I have been waiting since 10:30. Is that normal?"),
        ("Priya Raman", "No, and I am sorry & ashamed."),
    ]
    assert [s.id for s in transcript.speakers] == ["Priya Raman", "O'Neill, Tom"]


def test_teams_times_may_be_unpadded_and_what_was_said_before_the_recording_is_at_zero(fixture_path):
    assert [(s.start, s.end) for s in read_transcript(fixture_path("teams.vtt")).segments] == [(0.0, 2.0), (2.5, 6.125), (6.5, 9.0)]


def test_teams_metadata_cues_give_speaker_words_and_language(fixture_path):
    transcript = read_transcript(fixture_path("teams_metadata.vtt"))
    assert said(transcript) == [("Priya Raman", "Can you see my screen?"), ("Tom O'Neill", "Not yet.")]
    assert (transcript.language, transcript.segments[0].start) == ("en", 16.246)


def test_a_broken_metadata_cue_is_an_error_at_its_line():
    broken = cues('{"speakerName": "Ana", "spokenText": "Hi."}', '{"speakerName": "Ana", "spokenText": ')
    with pytest.raises(TranscriptError, match=r"a\.vtt, line 7: expected whole JSON"):
        read(broken, "a.vtt")


def test_a_metadata_field_of_a_wrong_type_is_named():
    with pytest.raises(TranscriptError, match=r"a\.vtt, line 4: expected spokenText to be a text, found a number"):
        read(cues('{"speakerName": "Ana", "spokenText": 3}'), "a.vtt")


def test_a_zoom_cue_without_a_name_belongs_to_the_last_speaker(fixture_path):
    assert said(read_transcript(fixture_path("zoom.vtt"))) == [
        ("Mei Tanaka", "it's really kind of you"),
        ("Mei Tanaka", "to stay this late."),
        ("Sam Ortiz (he/him)", "Well: someone had to."),
        ("Mei Tanaka", "The link is https://example.org: open it at 10:30."),
    ]


def test_names_in_brackets_dashes_sounds_and_comments(fixture_path):
    transcript = read_transcript(fixture_path("plain.vtt"))
    assert said(transcript) == [
        (None, "Is the fish fresh?"),
        (None, "It swam this morning."),
        ("Rosa", "Then I take two."),
        (None, "(Laughter)"),
        ("Rosa", "And 3 < 4 lemons."),
    ]
    assert transcript.language == "en"


def voiced(transcript):
    return [(s.speaker, s.voice, s.text) for s in transcript.segments]


@pytest.mark.parametrize(
    "text",
    [
        "- Where is it?\n- Lost.",
        "- Where is it? - Lost.",
        "Where is it?\n- Lost.",
        "–Where is it?\n–Lost.",
        "<i>- Where is it?</i>\n- Lost.",
    ],
)
def test_dashes_are_voices_that_are_counted_and_not_named(text):
    transcript = read(cues(text), "a.vtt")[0]
    assert voiced(transcript) == [(None, 1, "Where is it?"), (None, 2, "Lost.")]
    assert transcript.speakers == () and not transcript.has_speakers


def test_dash_voices_are_never_the_last_named_speakers():
    assert voiced(read(cues("Ann: Hello", "- I hate it\n- Me too", "Ann: Hello!\n- No.", "Ann: So."), "a.vtt")[0]) == [
        ("Ann", None, "Hello"),
        (None, 1, "I hate it"),
        (None, 2, "Me too"),
        ("Ann", None, "Hello!"),
        (None, 2, "No."),
        ("Ann", None, "So."),
    ]


@pytest.mark.parametrize("text", ["I went - so to speak - home", "I went\n- so to speak - home", "- I went home", "Well-known. Yes"])
def test_a_dash_within_a_sentence_is_no_voice(text):
    assert [voice for _, voice, _ in voiced(read(cues(text), "a.vtt")[0])] == [None]


def test_voices_in_one_cue_share_its_time_by_their_characters():
    first, second = read(cues("- four\n- eleven more"), "a.vtt")[0].segments
    assert (first.start, first.end) == (0.0, 0.267)
    assert (second.start, second.end) == (0.267, 1.0)


def test_several_voice_tags_in_one_cue_are_several_segments():
    assert said(read(cues("Hm. <v Ana>Yes.</v> Sure. <v.loud Ben>No."), "a.vtt")[0]) == [
        (None, "Hm."),
        ("Ana", "Yes. Sure."),
        ("Ben", "No."),
    ]


def test_karaoke_stamps_time_single_words_and_rolled_lines_come_once(fixture_path):
    good, bus = read_transcript(fixture_path("karaoke.vtt")).segments
    assert (good.text, bus.text) == ("good morning all", "the bus is late")
    assert [(w.text, w.start, w.end) for w in good.words] == [("good", 0.16, 0.48), ("morning", 0.48, 0.96), ("all", 0.96, 2.47)]
    assert [(w.text, w.start) for w in bus.words][2:] == [("is", None), ("late", None)]


def test_without_stamps_a_repeated_line_was_said_twice():
    assert said(read(cues("Go!", "Go!"), "a.vtt")[0]) == [(None, "Go!"), (None, "Go!")]


def test_an_end_before_its_start_is_the_start():
    segment = read("WEBVTT\n\n00:05.000 --> 00:03.000\nHm.\n", "a.vtt")[0].segments[0]
    assert (segment.start, segment.end) == (5.0, 5.0)


def test_a_blank_line_within_a_cue_loses_nothing():
    text = "WEBVTT\n\nid-1\n00:01.000 --> 00:02.000\nFirst line,\n\nsecond line.\nthird.\n\nid-2\n00:03.000 --> 00:04.000\nBye.\n"
    assert [s.text for s in read(text, "a.vtt")[0].segments] == ["First line, second line. third.", "Bye."]


def test_a_broken_time_names_file_and_line():
    with pytest.raises(TranscriptError, match=r"call\.vtt, line 3: expected a cue time such as .*, found '00:00:13\.130 ->") as caught:
        read("WEBVTT\n\n00:00:13.130 -> 00:00:14.000\nHi.\n\n00:15.000 --> 00:16.000\nBye.\n", "call.vtt")
    assert caught.value.line == 3


def test_a_file_without_cues_says_so():
    with pytest.raises(TranscriptError, match="found none in 2 lines"):
        read("WEBVTT\n", "a.vtt")


@pytest.mark.parametrize("payload", ["&#99999999999999;", "<" * 2000, "<c " * 2000, "{\\" * 2000, "&" * 2000, "(" * 500])
def test_hostile_markup_is_just_text(payload):
    assert read(cues(payload + " end"), "a.vtt")[0].segments[0].text.endswith("end")
