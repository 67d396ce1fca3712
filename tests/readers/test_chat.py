"""Messages as JSON."""

import json

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript, read_transcripts
from convemo.readers.chat import read


def said(transcript):
    return [(s.speaker, s.text, s.start) for s in transcript.segments]


def test_an_assistants_chat_has_a_customer_and_an_agent(saved):
    messages = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "Where is my order?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
        {"role": "tool", "content": "lost"},
        {"role": "assistant", "content": [{"type": "text", "text": "It was"}, {"type": "image_url"}, {"type": "text", "text": "lost."}]},
    ]
    transcript = read_transcript(saved(json.dumps(messages), "chat.json"))
    assert transcript.source == "chat"
    assert said(transcript) == [("user", "Where is my order?", None), ("assistant", "It was lost.", None)]
    assert [(s.id, s.role) for s in transcript.speakers] == [("user", "customer"), ("assistant", "agent")]


def test_messages_one_a_line_are_one_conversation_and_lists_one_a_line_are_several(saved):
    messages = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Ho."}]
    lines = saved("\n".join(map(json.dumps, messages)), "a.jsonl")
    assert said(read_transcript(lines)) == [("user", "Hi.", None), ("assistant", "Ho.", None)]
    lists = saved("\n".join([json.dumps({"messages": messages})] * 2), "b.jsonl")
    assert [(t.id, len(t.segments)) for t in read_transcripts(lists)] == [("line-1", 2), ("line-2", 2)]


@pytest.mark.parametrize("speaker", ["from", "sender", "author", "user", "name"])
@pytest.mark.parametrize("text", ["text", "content", "body", "message"])
@pytest.mark.parametrize(("time", "at"), [("ts", 5), ("timestamp", 1_790_000_000_000), ("created_at", "2024-03-01T10:00:00Z")])
def test_a_message_is_known_by_any_of_the_usual_names(saved, speaker, text, time, at):
    transcript = read_transcript(saved(json.dumps({"messages": [{speaker: "Ana", text: "Hi.", time: at}]}), "a.json"))
    assert said(transcript) == [("Ana", "Hi.", 5.0 if at == 5 else 0.0)]


def test_slack_messages_keep_their_speakers_and_count_from_the_first(saved):
    messages = [
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "<@U1> has joined the channel", "ts": "1699999000.000100"},
        {"type": "message", "user": "U1", "text": "hi", "ts": "1700000000.000100", "user_profile": {"real_name": "Ana"}},
        {"type": "message", "user": "U2", "text": "ho", "ts": "1700000002.500100"},
    ]
    transcript = read_transcript(saved(json.dumps(messages), "slack.json"))
    assert said(transcript) == [("U1", "hi", 0.0), ("U2", "ho", 2.5)]
    assert [(s.id, s.name) for s in transcript.speakers] == [("U1", "Ana"), ("U2", "U2")]
    assert {s.end for s in transcript.segments} == {None}


def test_a_list_with_the_newest_first_is_turned_round():
    messages = [{"user": "U2", "text": "ho", "ts": "1700000002.5"}, {"user": "U1", "text": "hi", "ts": "1700000000.0"}]
    assert said(read(json.dumps({"ok": True, "messages": messages}), "a.json")[0]) == [("U1", "hi", 0.0), ("U2", "ho", 2.5)]


def test_messages_out_of_order_stay_in_the_given_order():
    messages = [{"user": u, "text": u, "ts": ts} for u, ts in (("a", 3), ("b", 1), ("c", 2))]
    assert [u for u, _, _ in said(read(json.dumps(messages), "a.json")[0])] == ["a", "b", "c"]


def test_a_speaker_may_be_an_object_and_a_text_a_list_of_parts():
    message = {"from": {"id": 7, "name": "Ana"}, "text": ["see ", {"type": "link", "text": "https://a.b"}], "date": "2024-03-01T10:00:00"}
    assert said(read(json.dumps({"messages": [message]}), "a.json")[0]) == [("Ana", "see https://a.b", 0.0)]


def test_messages_belong_to_the_conversation_that_they_name(saved):
    messages = [{"conversation_id": c, "role": "user", "content": t} for c, t in (("x", "one"), ("y", "two"), ("x", "three"))]
    found = read_transcripts(saved(json.dumps(messages), "a.json"))
    assert [(t.id, [s.text for s in t.segments]) for t in found] == [("x", ["one", "three"]), ("y", ["two"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"messages": [{"from": "a", "text": 3}]}', r"expected messages\[0\]\.text to be a text"),
        ('{"messages": [{"from": "a", "text": "x", "ts": "soon"}]}', r"messages\[0\]\.ts to be a time"),
        ('{"messages": [{"from": "a", "text": "x"}]}\n{"text": "x"}', r"line 2: expected messages to be a list"),
        ('{"id": 1, "messages": []}\n{"id": 1, "messages": []}', r"line 2: expected id to be an id of its own"),
    ],
)
def test_an_error_names_file_and_place(content, message):
    with pytest.raises(TranscriptError, match=r"^a\.json.*" + message):
        read(content, "a.json")


def test_a_file_of_system_messages_alone_says_nothing(saved):
    with pytest.raises(TranscriptError, match="at least one utterance"):
        read_transcripts(saved('[{"role": "system", "content": "Be kind."}]', "a.json"))
