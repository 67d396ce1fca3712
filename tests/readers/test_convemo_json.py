"""Our own dialogues, saved analyses, and bare utterances."""

import json

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript, read_transcripts
from convemo.readers.convemo_json import read


def test_jsonl_holds_a_dialogue_a_line(fixture_path):
    first, second = read_transcripts(fixture_path("dialogues.jsonl"))
    assert (first.id, second.id) == ("d1", "d2")
    assert [(s.speaker, s.text, s.start, s.end) for s in first.segments] == [
        ("Mark", "You came!", 0.0, 1.1),
        ("Lea", "I said I would.", 1.3, 2.2),
    ]
    assert [(s.id, s.name, s.role, s.channel) for s in second.speakers] == [("a", "Noor", "agent", 0), ("c", "c", "customer", 1)]


def test_an_utterance_without_text_says_nothing(fixture_path):
    assert [s.text for s in read_transcript(fixture_path("dialogues.jsonl"), conversation="d2").segments] == ["Good evening.", "Is it?"]


def test_a_saved_analysis_gives_its_words_speakers_and_times_again(fixture_path):
    transcript = read_transcript(fixture_path("analysis.json"))
    assert (transcript.id, transcript.language, transcript.timed) == ("call-7", "en", True)
    assert [(s.id, s.name, s.role) for s in transcript.speakers] == [("left", "Noor", "agent"), ("right", "right", None)]
    assert [(w.text, w.start, w.confidence, w.speaker) for w in transcript.segments[0].words] == [
        ("Good", 0.2, 0.98, "left"),
        ("evening.", 0.5, None, "left"),
    ]


def test_a_dialogue_may_stand_in_a_field_of_that_name():
    inner = {"id": "d", "speakers": [{"id": "a", "role": "agent"}], "utterances": [{"id": "u", "speaker": "a", "text": "Hi."}]}
    transcript = read(json.dumps({"schema": 1, "dialogue": inner}), "a.json")[0]
    assert (transcript.id, transcript.speakers[0].role) == ("d", "agent")


def test_a_chat_is_a_list_of_utterances_without_times(fixture_path):
    transcript = read_transcript(fixture_path("chat.json"))
    assert [(s.speaker, s.text, s.start) for s in transcript.segments] == [
        ("Noor", "How can I help?", None),
        ("Ivo", "Refund me. Now.", None),
    ]
    assert [s.role for s in transcript.speakers] == ["agent", "customer"]


def test_utterances_one_a_line_belong_to_the_dialogue_that_they_name():
    lines = [{"dialogue": d, "speaker": "Ana", "text": text} for d, text in (("x", "one"), ("y", "two"), ("x", "three"))]
    assert [(t.id, [s.text for s in t.segments]) for t in read("\n".join(map(json.dumps, lines)), "a.jsonl")] == [
        ("x", ["one", "three"]),
        ("y", ["two"]),
    ]


def test_a_list_of_dialogues_without_ids_is_numbered():
    assert [t.id for t in read('[{"utterances": [{"text": "a"}]}, {"utterances": [{"text": "b"}]}]', "a.json")] == ["1", "2"]


def test_only_starts_are_known_so_each_utterance_ends_where_the_next_begins():
    text = '[{"speaker": "a", "text": "x", "start": 1}, {"speaker": "b", "text": "y", "start": 2.5}]'
    assert [(s.start, s.end) for s in read(text, "a.json")[0].segments] == [(1.0, 2.5), (2.5, None)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"id": "a", "utterances": [{"text": "x"}]}\n{"id": "b", "utterances": [{"text": 3}]}',
            r"line 2: expected utterances\[0\]\.text to be a text",
        ),
        ('{"id": "a", "utterances": [{"text": "x"}]}\n{"id": "b", "utter', r"line 2: expected whole JSON"),
        (
            '{"id": "a", "utterances": [{"text": "x"}]}\n\n{"id": "a", "utterances": [{"text": "y"}]}',
            r"line 3: expected id to be an id of its own",
        ),
        ('{"id": "a", "utterances": [{"text": "x"}]}\n[]', r"line 2: expected an object"),
        ('{"id": "a", "utterances": "none"}', r"expected utterances to be a list"),
        ('{"id": "a"}', r"expected utterances to be a list of utterances"),
        (
            '{"utterances": [{"text": "x"}], "speakers": [{"id": "a", "channel": -1}]}',
            r"speakers\[0\]\.channel to be a channel counted from 0",
        ),
    ],
)
def test_an_error_names_file_and_place(content, message):
    with pytest.raises(TranscriptError, match=r"^a\.jsonl.*" + message):
        read(content, "a.jsonl")


def test_half_a_surrogate_pair_can_be_written_again():
    text = '{"utterances": [{"id": "u", "speaker": "\\ud800", "text": "a \\udfff b"}]}'
    segment = read(text, "a.json")[0].segments[0]
    assert (segment.speaker, segment.text.encode()) == ("\ufffd", "a \ufffd b".encode())


def test_the_confidence_of_an_emotion_is_not_taken_for_that_of_the_words():
    scored = {"text": "Hi.", "confidence": 0.72, "probabilities": {"joy": 0.72}}
    heard = {**scored, "evidence": {"asr_confidence": 0.9}}
    transcript = read(json.dumps({"schema": 1, "utterances": [scored, heard, {"text": "Ho.", "confidence": 0.5}]}), "a.json")[0]
    assert [s.confidence for s in transcript.segments] == [None, 0.9, 0.5]
