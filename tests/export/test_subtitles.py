"""WebVTT and SRT."""

import re
from dataclasses import replace
from html import unescape

import pytest

from convemo.errors import ResultError
from convemo.export.subtitles import write_srt, write_vtt
from convemo.readers import read_transcript

from .builders import analysis, call, chat, utterance


def vtt_cues(path):
    """(time line, class, voice, text) of each cue, read by the standard's own rules."""
    header, *blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    assert header == "WEBVTT"
    found = []
    for block in blocks:
        _, times, payload = block.split("\n")
        voice = re.fullmatch(r"<v(?:\.([\w-]+))? ([^<>]*)>([^<>]*)</v>", payload)
        found.append((times, voice[1], unescape(voice[2]), unescape(voice[3])))
    return found


def test_a_vtt_cue_has_the_speaker_as_voice_and_the_emotion_as_its_class(tmp_path):
    write_vtt(call(), tmp_path / "a.vtt")
    assert vtt_cues(tmp_path / "a.vtt") == [
        ("00:00:00.500 --> 00:00:02.250", "anger", "Ana Lee", "I have called twice!"),
        ("00:00:02.000 --> 00:00:03.000", "anger", "Ben", 'He said "no" & left.'),
        ("00:00:04.000 --> 00:00:05.500", None, "Ana Lee", ""),
    ]


def test_an_srt_cue_has_speaker_text_and_emotion(tmp_path):
    write_srt(call(), tmp_path / "a.srt")
    blocks = (tmp_path / "a.srt").read_text(encoding="utf-8").strip().split("\n\n")
    assert [block.split("\n") for block in blocks] == [
        ["1", "00:00:00,500 --> 00:00:02,250", "Ana Lee: I have called twice! [anger 0.75]"],
        ["2", "00:00:02,000 --> 00:00:03,000", 'Ben: He said "no" & left. [anger 0.75]'],
        ["3", "00:00:04,000 --> 00:00:05,500", "Ana Lee:"],
    ]


HOSTILE = "one\n\n2\n00:00:09.000 --> 00:00:10.000\r\n<v Eve>two</v> &amp; -->"


def test_no_text_can_end_its_vtt_cue_or_open_a_tag(tmp_path):
    write_vtt(analysis(utterance("u1", "A>\n\nna", HOSTILE, 0.0, 1.0)), tmp_path / "a.vtt")
    assert vtt_cues(tmp_path / "a.vtt") == [("00:00:00.000 --> 00:00:01.000", "anger", "A> na", " ".join(HOSTILE.split()))]


def test_no_text_can_end_its_srt_cue(tmp_path):
    write_srt(analysis(utterance("u1", "ana", HOSTILE, 0.0, 1.0)), tmp_path / "a.srt")
    content = (tmp_path / "a.srt").read_text(encoding="utf-8")
    assert content.count("-->") == 1
    assert content.strip().count("\n") == 2


def test_hours_run_on_and_times_before_the_beginning_are_the_beginning(tmp_path):
    write_vtt(analysis(utterance("u1", "ana", "a", -0.5, 0.9996), utterance("u2", "ana", "b", 360_000.0, 360_001.0)), tmp_path / "a.vtt")
    assert [cue[0] for cue in vtt_cues(tmp_path / "a.vtt")] == ["00:00:00.000 --> 00:00:01.000", "100:00:00.000 --> 100:00:01.000"]


def test_an_utterance_without_length_is_a_cue_that_ends_after_it_begins(tmp_path):
    lines = analysis(utterance("u1", "ana", "a", 2.0, 2.0), utterance("u2", "ana", "b", 3.0, 2.5), utterance("u3", "ana", "c", -2.0, -1.0))
    write_vtt(lines, tmp_path / "a.vtt")
    assert [cue[0] for cue in vtt_cues(tmp_path / "a.vtt")] == [
        "00:00:00.000 --> 00:00:00.001",
        "00:00:02.000 --> 00:00:02.001",
        "00:00:03.000 --> 00:00:03.001",
    ]


@pytest.mark.parametrize("write", [write_vtt, write_srt])
def test_utterances_without_times_have_no_place_in_captions(tmp_path, write):
    with pytest.raises(ResultError, match="utterances with times"):
        write(chat(), tmp_path / "a.vtt")
    assert list(tmp_path.iterdir()) == []
    write(analysis(utterance("u1", "ana", "timed", 0.0, 1.0), utterance("u2", "ana", "untimed")), tmp_path / "a.vtt")
    content = (tmp_path / "a.vtt").read_text()
    assert "timed" in content and "untimed" not in content


def test_a_recording_in_which_nobody_spoke_gives_an_empty_file_of_its_kind(tmp_path):
    write_vtt(analysis(), tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").read_text() == "WEBVTT\n"


def test_what_is_too_unsure_to_act_on_does_not_pass_for_sure(tmp_path):
    unsure = replace(call(), abstained=(True, False, False))
    write_vtt(unsure, tmp_path / "a.vtt")
    write_srt(unsure, tmp_path / "a.srt")
    assert "<v.anger.unsure Ana Lee>I have called twice!</v>" in (tmp_path / "a.vtt").read_text(encoding="utf-8")
    assert "Ana Lee: I have called twice! [anger? 0.75]" in (tmp_path / "a.srt").read_text(encoding="utf-8")


def test_our_own_captions_are_read_back_with_the_same_speakers_and_words(tmp_path):
    unsure = replace(call(), abstained=(True, False, False))
    write_vtt(unsure, tmp_path / "a.vtt")
    read = read_transcript(tmp_path / "a.vtt")
    assert [(s.speaker, s.text) for s in read.segments] == [("Ana Lee", "I have called twice!"), ("Ben", 'He said "no" & left.')]
