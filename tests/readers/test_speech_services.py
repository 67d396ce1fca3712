"""What transcription services give: Deepgram, Azure, FunASR."""

import json

import pytest

from convemo.readers import read_transcript

from .test_call_centres import said


def test_deepgrams_utterances_have_numbered_speakers_and_punctuated_words(fixture_path):
    transcript = read_transcript(fixture_path("deepgram.json"))
    assert (transcript.id, transcript.language) == ("req-1", "en")
    assert said(transcript) == [("speaker 0", "Good evening.", 0.08, 0.9), ("speaker 1", "Is it broken?", 1.5, 2.4)]
    assert [w.text for w in transcript.segments[1].words] == ["Is", "it", "broken?"]


def test_deepgram_without_utterances_gives_the_same_from_its_words(fixture_path, saved):
    content = json.loads(fixture_path("deepgram.json").read_text())
    del content["results"]["utterances"]
    assert said(read_transcript(saved(json.dumps(content)))) == said(read_transcript(fixture_path("deepgram.json")))


def test_deepgrams_channels_are_speakers_in_order_of_time(fixture_path):
    transcript = read_transcript(fixture_path("deepgram_channels.json"))
    assert [(s.speaker, s.text) for s in transcript.segments] == [
        ("channel 0", "Good evening."),
        ("channel 1", "Is it broken?"),
        ("channel 0", "Sorry."),
    ]
    assert [(s.id, s.channel) for s in transcript.speakers] == [("channel 0", 0), ("channel 1", 1)]


def test_deepgram_without_diarization_names_nobody(fixture_path, saved):
    content = json.loads(fixture_path("deepgram_channels.json").read_text())
    content["results"]["channels"].pop()
    transcript = read_transcript(saved(json.dumps(content)))
    assert {s.speaker for s in transcript.segments} == {None} and transcript.speakers == ()


def test_azures_ticks_are_ten_millionths_of_a_second_and_only_the_best_guess_is_read(fixture_path):
    transcript = read_transcript(fixture_path("azure_batch.json"))
    assert said(transcript) == [("speaker 1", "North pier.", 0.07, 0.97), ("speaker 2", "The lift is stuck!", 1.5, 3.1)]
    assert transcript.segments[0].confidence == 0.91


def test_azures_words_are_kept_only_as_they_are_displayed(fixture_path):
    displayed, lexical = read_transcript(fixture_path("azure_batch.json")).segments
    assert [(w.text, w.start, w.end) for w in displayed.words] == [("North", 0.07, 0.47), ("pier.", 0.47, 0.97)]
    assert lexical.words == ()


def test_azures_fast_transcription_counts_milliseconds(fixture_path):
    transcript = read_transcript(fixture_path("azure_fast.json"))
    assert said(transcript) == [("channel 0", "Good afternoon.", 0.72, 1.6), ("channel 1", "At last!", 2.0, 2.7)]
    assert [w.text for w in transcript.segments[0].words] == ["Good", "afternoon."]


@pytest.mark.parametrize("spelled", ["text", "sentence"])
def test_funasrs_sentences_are_milliseconds(fixture_path, saved, spelled):
    content = (
        fixture_path("funasr.json").read_text().replace('"text": "会议开始了。",\n    "start"', f'"{spelled}": "会议开始了。", "start"')
    )
    assert f'"{spelled}": "会议开始了。", "start"' in content or spelled == "text"
    assert said(read_transcript(saved(content))) == [("speaker 0", "会议开始了。", 0.38, 1.24), ("speaker 1", "好的。", 1.5, 1.9)]
