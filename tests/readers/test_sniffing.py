"""Formats are told apart by content; the suffix only breaks ties."""

import json

import pytest

from convemo import registry
from convemo.errors import TranscriptError, UnknownEngine
from convemo.readers import read_transcript, read_transcripts, reader, sniff
from convemo.types import Transcript, TranscriptSegment

FAMILIES = {
    "teams.vtt": "vtt",
    "teams_metadata.vtt": "vtt",
    "zoom.vtt": "vtt",
    "plain.vtt": "vtt",
    "karaoke.vtt": "vtt",
    "call.srt": "srt",
    "whisper.json": "whisper",
    "whisperx.json": "whisper",
    "whisper.tsv": "whisper",
    "dialogues.jsonl": "convemo",
    "analysis.json": "convemo",
    "chat.json": "convemo",
    "contact_centre.csv": "table",
    "chat.tsv": "table",
    "names.txt": "plain",
    "zoom.txt": "plain",
    "otter.txt": "plain",
    "amazon_transcribe.json": "amazon",
    "amazon_channels.json": "amazon",
    "call_analytics.json": "contact_lens",
    "contact_lens.json": "contact_lens",
    "contact_lens_chat.json": "contact_lens",
    "genesys.json": "genesys",
    "genesys_several.json": "genesys",
    "google_insights.json": "google_insights",
    "google_meet.json": "google_meet",
    "twilio.json": "twilio",
    "deepgram.json": "deepgram",
    "deepgram_channels.json": "deepgram",
    "azure_batch.json": "azure",
    "azure_fast.json": "azure",
    "gong.json": "gong",
    "zendesk.json": "zendesk",
    "intercom.json": "intercom",
    "funasr.json": "funasr",
}


@pytest.mark.parametrize(("name", "family"), FAMILIES.items())
def test_every_format_is_known_under_a_wrong_suffix(fixture_path, saved, name, family):
    path = saved(fixture_path(name).read_bytes(), "renamed.vtt" if family != "vtt" else "renamed.csv")
    assert {t.source for t in read_transcripts(path)} == {family}


def test_webvtt_without_its_signature_is_read_as_cues(saved):
    segment = read_transcript(saved("00:00:01.000 --> 00:00:02.000\n<v Ana>Hi.</v>\n")).segments[0]
    assert (segment.speaker, segment.text) == ("Ana", "Hi.")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("Hello, I am alone.\nThat is all.\n", "2 lines of text without cue times, a table header or 'Name: text'"),
        ('{"jobName": "j", "results": {}}', "with the keys jobName, results"),
        # Another service's: its times may be in any unit, so it must not pass for ours.
        ('{"id": "x", "utterances": [{"text": "a", "start": 1000, "confidence": 0.9, "speaker": "A"}]}', "with the keys id, utterances"),
        ('{"a": 1, "b": 2}\n{"a": 3}\n', "JSON objects, one a line, that no reader knows: the first with the keys a, b"),
        ('[{"body": "hello"}]', "a JSON list of something else"),
        ("<html><p>Ana: Hi.</p></html>", "an HTML or XML page"),
        ("{\\rtf1 Ana: hi", "a rich-text document"),
    ],
)
def test_an_unknown_text_is_described(saved, content, found):
    with pytest.raises(TranscriptError) as caught:
        read_transcripts(saved(content))
    assert found in str(caught.value)
    hint = f"Formats that are read: {', '.join(registry.BUILT_IN['reader'])}. docs/transcripts.md shows"
    assert hint in str(caught.value) and "format=" not in str(caught.value)  # the command line has no such option


@pytest.mark.parametrize(
    ("content", "known_by", "missing"),
    [
        (
            {"transcripts": [{"phrases": [{"participantPurpose": "external", "startTimeMs": 5}]}]},
            "Genesys Cloud (it has transcripts[].phrases[].participantPurpose)",
            "transcripts[].phrases[].text or transcripts[].phrases[].decoratedText or transcripts[].phrases[].words[].word",
        ),
        ({"Transcript": [{"ParticipantRole": "AGENT"}]}, "AWS Call Analytics or Contact Lens", "Transcript[].Content is missing"),
        ({"recognizedPhrases": [{"nBest": [{"lexical": "hello"}]}]}, "Azure batch transcription", "recognizedPhrases[].nBest[].display"),
        ({"callTranscripts": [{"callId": "1", "transcript": []}]}, "Gong", "callTranscripts[].transcript[].sentences[].text"),
        ({"comments": [{"author_id": 1, "public": True}]}, "Zendesk", "comments[].body"),
        ({"callTranscripts": []}, "Gong", "callTranscripts[].transcript[].sentences[].text"),
        ({"segments": [{"start": 1.0, "end": 2.0}]}, "Whisper", "segments[].text"),
    ],
)
def test_a_services_file_without_its_words_is_named_with_what_is_missing(saved, content, known_by, missing):
    with pytest.raises(TranscriptError) as caught:
        read_transcripts(saved(json.dumps(content)))
    assert f"what looks like {known_by}" in str(caught.value) and missing in str(caught.value)


def test_json_that_was_cut_off_is_called_broken_at_its_line(saved):
    with pytest.raises(TranscriptError, match=r"a\.json, line 3: expected whole JSON, found broken JSON .*cut off") as caught:
        read_transcripts(saved('{"segments": [\n{"start": 1,\n', "a.json"))
    assert caught.value.line == 3


def test_a_named_format_is_taken_at_its_word(saved):
    assert [s.text for s in read_transcript(saved("I am alone.\nThat is all.\n"), format="plain").segments] == [
        "I am alone.",
        "That is all.",
    ]


def test_a_format_that_nobody_registered_is_an_unknown_engine(saved):
    with pytest.raises(UnknownEngine, match="a known reader: vtt, srt"):
        read_transcript(saved("Ana: Hi."), format="docx")


def test_a_third_partys_reader_joins_in_and_the_suffix_breaks_the_tie(saved, monkeypatch):
    @reader(lambda text: 0.5 * text.startswith("Ana"), ".mine")
    def read(text, path):
        return (Transcript((TranscriptSegment(text),), source="mine"),)

    builtin = registry.find
    monkeypatch.setattr(registry, "names", lambda kind: [*registry.BUILT_IN[kind], "mine"])
    monkeypatch.setattr(registry, "find", lambda kind, name: read if name == "mine" else builtin(kind, name))
    assert sniff("Ana: Hi.\nBen: Ho.\n", "a.mine") == "mine"
    assert sniff("Ana: Hi.\nBen: Ho.\n", "a.txt") == "plain"
    assert read_transcript(saved("Ana: Hi.\nBen: Ho.\n", "a.mine")).source == "mine"


def test_several_conversations_need_a_choice_and_at_most_five_are_listed(saved):
    path = saved("call_id,text\n" + "".join(f"c{i},hello\n" for i in range(7)), "calls.csv")
    with pytest.raises(TranscriptError, match=r"found 7 conversations: 'c0', 'c1', 'c2', 'c3', 'c4', …\. Pass conversation="):
        read_transcript(path)
    assert read_transcript(path, conversation="c6").id == "c6"
    with pytest.raises(TranscriptError, match="a conversation with the id 'c9'"):
        read_transcript(path, conversation="c9")


def test_a_file_in_which_nothing_is_said_is_an_error(saved):
    with pytest.raises(TranscriptError, match="expected at least one utterance with words, found none"):
        read_transcripts(saved('{"text": "", "segments": [], "language": "en"}'))
