"""What help desks export: Zendesk and Intercom. Internal notes never come through."""

import json

import pytest

from convemo.readers import read_transcript, read_transcripts
from convemo.readers.html_text import text_of

from .test_call_centres import said


def zendesk(fixture_path, **more):
    return json.loads(fixture_path("zendesk.json").read_text()) | more


def test_zendesks_internal_notes_are_left_out_and_counted(fixture_path):
    transcript = read_transcript(fixture_path("zendesk.json"))
    assert "complained before" not in " ".join(s.text for s in transcript.segments)
    assert transcript.notes[0] == "1 internal note is left out."


@pytest.mark.parametrize("no", [False, "false", "False", 0])
def test_a_note_is_internal_however_false_is_written(saved, no):
    comments = [{"author_id": 1, "public": True, "body": "Hello."}, {"author_id": 2, "public": no, "body": "Secret."}]
    assert [s.text for s in read_transcript(saved(json.dumps({"comments": comments}))).segments] == ["Hello."]


def test_zendesks_times_count_from_the_first_comment_and_html_is_read_where_there_is_no_text(fixture_path):
    transcript = read_transcript(fixture_path("zendesk.json"))
    assert said(transcript) == [
        ("101", "My kettle arrived in pieces.", 0.0, None),
        ("202", "I am sorry & a new one is on its way. Omar", 600.0, None),
    ]


def test_who_asked_is_the_customer_and_the_others_are_agents(fixture_path, saved):
    content = zendesk(fixture_path, users=None)
    speakers = read_transcript(saved(json.dumps(content))).speakers
    assert [(s.id, s.name, s.role) for s in speakers] == [("101", "101", "customer"), ("202", "202", "agent")]


def test_zendesks_users_say_more_than_who_asked(fixture_path, saved):
    users = [{"id": 202, "name": "Mia", "role": "end-user"}]
    speakers = read_transcript(saved(json.dumps(zendesk(fixture_path, users=users)))).speakers
    assert [(s.name, s.role) for s in speakers] == [("101", "customer"), ("Mia", "customer")]


def test_comments_alone_state_no_roles(fixture_path, saved):
    transcript = read_transcript(saved(json.dumps(zendesk(fixture_path)["comments"])))
    assert [s.role for s in transcript.speakers] == [None, None] and len(transcript.segments) == 2


def test_a_call_without_a_transcription_is_noted_and_one_with_it_is_read(fixture_path, saved):
    assert "1 call has no transcription here, and is left out." in read_transcript(fixture_path("zendesk.json")).notes
    content = zendesk(fixture_path)
    content["comments"][3]["data"]["transcription_text"] = "Hello, it is Omar."
    assert read_transcript(saved(json.dumps(content))).segments[-1].text == "Hello, it is Omar."


def test_tickets_one_a_line_are_conversations(fixture_path, saved):
    comments = zendesk(fixture_path)["comments"]
    lines = [json.dumps({"id": id, "requester_id": 101, "comments": comments}) for id in (1, 2)]
    transcripts = read_transcripts(saved("\n".join(lines)))
    assert [t.id for t in transcripts] == ["1", "2"] and transcripts[1].speakers[0].role == "customer"


def test_intercoms_first_message_is_its_source_and_of_the_parts_only_comments_are_read(fixture_path):
    transcript = read_transcript(fixture_path("intercom.json"))
    assert said(transcript) == [
        ("user u1", "Where is my parcel? I waited all day.", 0.0, None),
        ("admin a1", "It comes tomorrow.", 30.0, None),
        ("user u1", "Thank you so much!", 45.0, None),
    ]
    assert [(s.name, s.role) for s in transcript.speakers] == [("Tess", "customer"), ("Raj", "agent")]
    assert transcript.notes == ("1 internal note is left out.",)


def test_a_list_of_intercoms_conversations_is_read_whole(fixture_path, saved):
    one = json.loads(fixture_path("intercom.json").read_text())
    content = {"type": "conversation.list", "conversations": [one, one | {"id": "9002"}]}
    assert [t.id for t in read_transcripts(saved(json.dumps(content)))] == ["9001", "9002"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("un<b>believ</b>able", "unbelievable"),
        ("a<br/>b", "a b"),
        ("<script>alert('x')</script>Hi", "Hi"),
        ("<style>p { color: red }</style>Hi", "Hi"),
        ("before<!-- a <b>note</b> -->after", "beforeafter"),
        ("<!--[if mso]><p>x</p><![endif]-->Hi", "Hi"),
        ("Tom &amp; Ana &#233; &nbsp;!", "Tom & Ana é !"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("I <3 this, 2 < 3 > 1", "I <3 this, 2 < 3 > 1"),
        ("<p", "<p"),
    ],
)
def test_html_becomes_text(html, text):
    assert text_of(html) == text


def test_a_message_of_brackets_alone_is_read_in_no_time():
    assert text_of("<" * 200_000) and text_of("<!--" * 100_000) is not None and text_of("<a " * 100_000)
