"""What contact centres export: Amazon, Genesys, Google, Twilio, Gong."""

import json
from datetime import UTC, datetime

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcript, read_transcripts

EPOCH_MS = 1_772_961_750_000


def said(transcript):
    return [(s.speaker, s.text, s.start, s.end) for s in transcript.segments]


def roles(transcript):
    return {s.id: s.role for s in transcript.speakers}


def test_amazons_punctuation_goes_to_the_word_before_it_and_its_texts_are_numbers(fixture_path):
    transcript = read_transcript(fixture_path("amazon_transcribe.json"))
    assert (transcript.id, transcript.language) == ("kestrel-17", "en")
    assert said(transcript) == [("spk_0", "Kestrel Water, good morning.", 0.04, 1.6), ("spk_1", "It's [PII], again!", 4.87, 6.1)]
    assert [w.text for w in transcript.segments[0].words] == ["Kestrel", "Water,", "good", "morning."]


def test_a_word_that_amazon_took_out_stays_as_it_is_marked_without_a_confidence(fixture_path):
    redacted = read_transcript(fixture_path("amazon_transcribe.json")).segments[1].words[1]
    assert (redacted.text, redacted.start, redacted.confidence) == ("[PII],", 5.2, None)


def test_amazons_older_files_name_a_words_speaker_by_its_time_alone(fixture_path, saved):
    older = json.loads(fixture_path("amazon_transcribe.json").read_text())
    for item in older["results"]["items"]:
        del item["speaker_label"]
    older["results"]["speaker_labels"]["segments"][1]["items"] = [
        {"start_time": time, "speaker_label": "spk_1"} for time in ("4.87", "5.2", "5.8")
    ]
    older["results"]["speaker_labels"]["segments"][0]["items"] = [
        {"start_time": time, "speaker_label": "spk_0"} for time in ("0.04", "0.3", "0.9", "1.2")
    ]
    transcript = read_transcript(saved(json.dumps(older), "a.json"))
    assert [s.text for s in transcript.segments if s.speaker == "spk_1"] == ["It's [PII], again!"]
    assert [s.text for s in transcript.segments if s.speaker == "spk_0"] == ["Kestrel Water, good morning."]


def test_amazons_text_is_read_where_its_items_are_not_there(saved):
    content = {"jobName": "j", "results": {"transcripts": [{"transcript": "Hello there."}], "items": []}}
    assert said(read_transcript(saved(json.dumps(content)))) == [(None, "Hello there.", None, None)]


def test_amazons_channels_are_put_in_order_of_time(fixture_path):
    transcript = read_transcript(fixture_path("amazon_channels.json"))
    assert [(s.speaker, s.text) for s in transcript.segments] == [("ch_0", "Hello."), ("ch_1", "My tap drips."), ("ch_0", "Oh dear.")]
    assert [(s.id, s.channel) for s in transcript.speakers] == [("ch_0", 0), ("ch_1", 1)]


def test_call_analytics_states_roles_and_gives_words(fixture_path):
    transcript = read_transcript(fixture_path("call_analytics.json"))
    assert roles(transcript) == {"AGENT": "agent", "CUSTOMER": "customer"}
    assert said(transcript)[0] == ("AGENT", "Ferry desk, hello.", 0.44, 1.5)
    assert [(w.text, w.start) for w in transcript.segments[0].words] == [("Ferry", 0.44), ("desk,", 0.7), ("hello.", 1.1)]


def test_contact_lens_joins_an_id_to_its_role(fixture_path):
    transcript = read_transcript(fixture_path("contact_lens.json"))
    assert transcript.id == "contact-5"
    assert [(s.id, s.name, s.role) for s in transcript.speakers] == [
        ("AGENT", "AGENT", "agent"),
        ("c0ffee00-1111", "CUSTOMER", "customer"),
    ]
    assert said(transcript)[1] == ("c0ffee00-1111", "It is [PII], I waited an hour.", 1.8, 4.24)


def test_of_a_contact_lens_chat_the_systems_words_and_events_are_left_out(fixture_path):
    transcript = read_transcript(fixture_path("contact_lens_chat.json"))
    assert said(transcript) == [("c-2", "Is anyone there?", 0.0, None), ("a-1", "Yes, hello.", 4.5, None)]
    assert [(s.name, s.role) for s in transcript.speakers] == [("Noor", "customer"), ("Ivo", "agent")]


def test_genesys_external_is_the_customer_and_internal_the_agent(fixture_path):
    assert roles(read_transcript(fixture_path("genesys.json"))) == {"internal": "agent", "external": "customer"}


def test_genesys_decorated_text_comes_first_then_text_then_the_words_alone(fixture_path):
    transcript = read_transcript(fixture_path("genesys.json"))
    assert said(transcript) == [
        ("internal", "Harbour Lights, good morning.", 1.93, 3.33),
        ("external", "nobody called me back", 4.0, 5.5),
        ("internal", "oh no", 6.0, 6.9),
    ]
    assert [len(s.words) for s in transcript.segments] == [4, 4, 2]


def test_unix_times_of_genesys_count_from_the_conversations_first_phrase(fixture_path):
    first, second = read_transcripts(fixture_path("genesys_several.json"))
    assert (first.id, second.id) == ("comm-1", "comm-2")
    assert [(s.start, s.end) for s in second.segments] == [(0.0, 1.2), (2.5, 3.5)]


def test_two_parts_of_one_genesys_conversation_are_told_apart_by_their_communications(fixture_path, saved):
    parts = [part | {"conversationId": "conv-9"} for part in json.loads(fixture_path("genesys_several.json").read_text())]
    assert [t.id for t in read_transcripts(saved(json.dumps(parts)))] == ["comm-1", "comm-2"]
    assert read_transcript(saved(json.dumps(parts[0]))).id == "conv-9"


def test_genesys_transcripts_of_one_communication_are_one_conversation_in_order_of_time(saved):
    def part(text, at):
        phrase = {"participantPurpose": "external", "text": text, "startTimeMs": EPOCH_MS + at, "offsetMs": 0, "durationMs": 500}
        return {"phrases": [phrase]}

    content = {"communicationId": "c", "transcripts": [part("later", 9000), part("first", 0)]}
    assert said(read_transcript(saved(json.dumps(content)))) == [("external", "first", 0.0, 0.5), ("external", "later", 9.0, 9.5)]


def test_google_insights_microseconds_may_be_texts_and_an_automated_agent_is_an_agent(fixture_path):
    transcript = read_transcript(fixture_path("google_insights.json"))
    assert said(transcript)[:2] == [
        ("AUTOMATED_AGENT", "Welcome to Lantern Books.", 0.0, 2.5),
        ("END_USER", "A person, please.", 2.5, 6.25),
    ]
    assert roles(transcript) == {"AUTOMATED_AGENT": "agent", "END_USER": "customer", "AGENT": "agent"}


def test_two_google_agents_stay_two(saved):
    entries = [{"text": "Hello.", "role": "AGENT", "user_id": 1}, {"text": "Hi.", "role": "AGENT", "user_id": 2}]
    transcript = read_transcript(saved(json.dumps({"entries": entries})))
    assert roles(transcript) == {"AGENT 1": "agent", "AGENT 2": "agent"}


def test_google_meets_entries_are_one_meeting_a_conference_record(fixture_path):
    transcript = read_transcript(fixture_path("google_meet.json"))
    assert (transcript.id, transcript.language) == ("cr-1", "en")
    assert said(transcript) == [
        ("participants/11", "Shall we begin?", 0.0, 1.48),
        ("participants/12", "I can't hear you.", 1.85, 3.15),
    ]


def test_google_meets_entries_may_stand_one_a_line(fixture_path, saved):
    entries = json.loads(fixture_path("google_meet.json").read_text())["transcriptEntries"]
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    assert said(read_transcript(saved(lines))) == said(read_transcript(fixture_path("google_meet.json")))


def test_twilios_channels_count_from_1_ours_from_0(fixture_path):
    transcript = read_transcript(fixture_path("twilio.json"))
    assert [(s.id, s.channel, s.role) for s in transcript.speakers] == [("media_channel 1", 0, None), ("media_channel 2", 1, None)]
    assert said(transcript)[0] == ("media_channel 1", "Mill Lane clinic.", 0.24, 1.84)
    assert transcript.segments[0].confidence == 0.9812 and len(transcript.segments[0].words) == 3


def test_gongs_calls_are_conversations_and_parties_name_them(fixture_path):
    first, second = read_transcripts(fixture_path("gong.json"))
    assert (first.id, second.id) == ("7001", "7002")
    assert [(s.name, s.role) for s in first.speakers] == [("Ida Berg", "agent"), ("Sam Oduya", "customer")]
    assert said(first)[2] == ("32", "The price went up again.", 2.5, 4.1)
    assert [(s.id, s.name, s.role) for s in second.speakers] == [("31", "31", None)]


def test_gongs_parties_may_come_from_the_list_of_calls(fixture_path, saved):
    content = json.loads(fixture_path("gong.json").read_text())
    content["calls"] = [{"metaData": {"id": "7002"}, "parties": content["callTranscripts"][0].pop("parties")}]
    first, second = read_transcripts(saved(json.dumps(content)))
    assert [s.role for s in first.speakers] == [None, None] and [s.name for s in second.speakers] == ["Ida Berg"]


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (
            "amazon_transcribe.json",
            lambda v: v["results"]["items"][0].update(start_time=[]),
            r"results\.items\[0\]\.start_time to be a number",
        ),
        (
            "amazon_transcribe.json",
            lambda v: v["results"]["items"][0].update(start_time="4.8x"),
            r"start_time to be a number, found a text \('4\.8x'\)",
        ),
        ("contact_lens.json", lambda v: v["Transcript"][1].update(Content=7), r"Transcript\[1\]\.Content to be a text, found a number"),
        (
            "genesys.json",
            lambda v: v["transcripts"][0]["phrases"][1].update(offset={"milliseconds": "soon"}),
            r"transcripts\[0\]\.phrases\[1\]\.offset\.milliseconds to be a number",
        ),
        (
            "google_meet.json",
            lambda v: v["transcriptEntries"][0].update(startTime="soon"),
            r"transcriptEntries\[0\]\.startTime to be a time",
        ),
        ("twilio.json", lambda v: v["sentences"][0].update(media_channel="left"), r"sentences\[0\]\.media_channel to be a number"),
        ("gong.json", lambda v: v["callTranscripts"][1].update(callId="7001"), r"callTranscripts\[1\]\.callId to be an id of its own"),
    ],
)
def test_an_error_names_the_file_the_field_what_was_expected_and_what_was_found(fixture_path, saved, name, change, expected):
    value = json.loads(fixture_path(name).read_text())
    change(value)
    with pytest.raises(TranscriptError, match=rf"broken\.json: expected .*{expected}"):
        read_transcripts(saved(json.dumps(value), "broken.json"))


def test_times_before_the_recording_began_become_its_beginning(saved):
    turn = {"ParticipantRole": "AGENT", "Content": "Hi.", "BeginOffsetMillis": -300, "EndOffsetMillis": 900}
    assert said(read_transcript(saved(json.dumps({"Transcript": [turn]})))) == [("AGENT", "Hi.", 0.0, 0.9)]


def test_a_chats_time_before_its_beginning_is_its_beginning(saved):
    turn = {"ParticipantRole": "AGENT", "Content": "Hi.", "AbsoluteTime": "-3"}
    assert said(read_transcript(saved(json.dumps({"Transcript": [turn]})))) == [("AGENT", "Hi.", 0.0, None)]


def test_points_in_time_keep_their_milliseconds(saved):
    starts = [EPOCH_MS * 1000 + us for us in (0, 1_234_567)]
    content = {"entries": [{"start_timestamp_usec": at, "text": "a", "role": "AGENT"} for at in starts]}
    assert read_transcript(saved(json.dumps(content))).segments[1].start == 1.234567
    assert datetime.fromtimestamp(EPOCH_MS / 1000, UTC).year == 2026
