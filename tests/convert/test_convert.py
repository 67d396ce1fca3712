"""Any transcript in any form: what comes back, what is refused, and what is said to be lost."""

import json
from pathlib import Path

import pytest

from convemo.convert import FORMS, convert
from convemo.errors import ConfigError, ResultError, TranscriptError
from convemo.readers import read_transcript, read_transcripts
from convemo.types import TranscriptSegment

FIXTURES = Path(__file__).parents[1] / "readers" / "fixtures"
ALL = sorted(path.name for path in FIXTURES.iterdir())
CALL = FIXTURES / "call_analytics.json"


def names(transcript):
    """Speakers by name, as forms without ids show them."""
    shown = {speaker.id: speaker.name or speaker.id for speaker in transcript.speakers}
    return [shown.get(segment.speaker) for segment in transcript.segments]


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("name", ALL)
def test_our_own_form_gives_everything_back(tmp_path, name, form):
    given = read_transcripts(FIXTURES / name)
    (path,) = convert(FIXTURES / name, tmp_path / f"a.{form}").paths
    back = read_transcripts(path)
    assert len(back) == len(given)
    for before, after in zip(given, back):
        assert before.id == after.id or before.id is None
        assert (after.speakers, after.language) == (before.speakers, before.language)
        for old, new in zip(before.segments, after.segments, strict=True):
            assert (new.text, new.speaker, new.start, new.words, new.confidence) == (
                old.text, old.speaker, old.start, old.words, old.confidence,
            )  # fmt: skip
            assert new.end == old.end or old.end is None


@pytest.mark.parametrize("name", ALL)
def test_a_table_gives_every_word_speaker_role_and_time_back(tmp_path, name):
    (path,) = convert(FIXTURES / name, tmp_path / "a.csv").paths
    for before, after in zip(read_transcripts(FIXTURES / name), read_transcripts(path), strict=True):
        assert [(s.text, s.speaker, s.start) for s in after.segments] == [(s.text, s.speaker, s.start) for s in before.segments]
        speaking = {s.speaker for s in before.segments}
        assert {s.id: s.role for s in after.speakers} == {s.id: s.role for s in before.speakers if s.id in speaking}


@pytest.mark.parametrize("form", ["vtt", "srt", "txt"])
@pytest.mark.parametrize("name", ALL)
def test_every_word_is_in_the_form_and_comes_back_in_order(tmp_path, name, form):
    given = read_transcripts(FIXTURES / name)
    if len(given) > 1 or (form != "txt" and all(s.start is None for s in given[0].segments)):
        return
    convert(FIXTURES / name, tmp_path / f"a.{form}")
    back = read_transcript(tmp_path / f"a.{form}")
    assert " ".join(s.text for s in back.segments) == " ".join(s.text for s in given[0].segments)


@pytest.mark.parametrize("form", ["vtt", "srt", "txt"])
@pytest.mark.parametrize("name", ["genesys.json", "twilio.json", "deepgram.json", "azure_fast.json", "zendesk.json", "google_meet.json"])
def test_who_says_what_comes_back_though_ids_become_names(tmp_path, name, form):
    given = read_transcript(FIXTURES / name)
    convert(FIXTURES / name, tmp_path / f"a.{form}")
    back = read_transcript(tmp_path / f"a.{form}")
    assert [name.casefold() for name in names(back)] == [name.casefold() for name in names(given)]


def test_captions_have_the_times_of_their_utterances(tmp_path):
    for form in ("vtt", "srt"):
        convert(CALL, tmp_path / f"a.{form}")
        assert [(s.start, s.end) for s in read_transcript(tmp_path / f"a.{form}").segments] == [(0.44, 1.5), (2.1, 3.1)]


def test_without_an_end_a_caption_is_shown_as_long_as_it_takes_to_read_and_not_into_the_next(tmp_path, monkeypatch):
    done = convert(FIXTURES / "zendesk.json", tmp_path / "a.srt")
    assert done.open_ended == 2
    first, second = read_transcript(tmp_path / "a.srt").segments
    assert (first.start, first.end) == (0.0, round(len(first.text) / 15, 3)) and second.start == 600.0
    chat = tmp_path / "chat.json"
    chat.write_text(json.dumps({"messages": [{"from": n, "text": "x" * 60, "ts": t} for n, t in (("A", 0), ("B", 1.5))]}))
    convert(chat, tmp_path / "b.srt")
    assert read_transcript(tmp_path / "b.srt").segments[0].end == 1.5


def test_rttm_has_a_turn_an_utterance(tmp_path):
    convert(CALL, tmp_path / "a.rttm")
    assert (tmp_path / "a.rttm").read_text().splitlines() == [
        "SPEAKER ferry-1 1 0.440 1.060 <NA> <NA> AGENT <NA> <NA>",
        "SPEAKER ferry-1 1 2.100 1.000 <NA> <NA> CUSTOMER <NA> <NA>",
    ]


def test_what_is_lost_is_named_and_only_if_it_was_there(tmp_path):
    assert convert(CALL, tmp_path / "a.srt").lost == ("roles", "word times", "confidences of words", "the language", "conversation ids")
    assert convert(CALL, tmp_path / "a.json").lost == ()
    plain = tmp_path / "plain.srt"
    plain.write_text("1\n00:00:01,000 --> 00:00:02,000\nAna: Hello.\n")
    assert convert(plain, tmp_path / "b.vtt").lost == ()
    assert convert(plain, tmp_path / "b.rttm").lost == ("the words",)


def test_utterances_that_a_form_has_no_place_for_are_counted(tmp_path):
    chat = tmp_path / "chat.csv"
    chat.write_text("speaker,text,start,end\nAna,Hi.,1,2\n,Who?,3,4\nBen,No time.,,\n")
    lost = convert(chat, tmp_path / "a.srt").lost
    assert "1 utterance without times" in lost and "that 1 utterance is of somebody unnamed" in lost
    assert "1 utterance without a speaker" in convert(chat, tmp_path / "a.rttm").lost


def test_several_conversations_become_files_of_their_own_in_a_folder(tmp_path):
    done = convert(FIXTURES / "gong.json", tmp_path / "out", to="vtt")
    assert [path.name for path in done.paths] == ["7001.vtt", "7002.vtt"] and "conversation ids" not in done.lost


def test_several_conversations_do_not_fit_into_one_caption_file(tmp_path):
    with pytest.raises(ResultError, match=r"one conversation, as SRT holds, found 2.*folder with --to srt.*--conversation"):
        convert(FIXTURES / "gong.json", tmp_path / "a.srt")
    assert convert(FIXTURES / "gong.json", tmp_path / "a.srt", conversation="7001").utterances == 3


def test_of_several_one_that_has_no_times_does_not_keep_the_others_back(tmp_path):
    calls = tmp_path / "calls.csv"
    calls.write_text("call_id,speaker,text,start,end\nc1,Ana,Hi.,0,1\nc2,Ben,Ho.,,\n")
    done = convert(calls, tmp_path / "out", to="srt")
    assert [path.name for path in done.paths] == ["c1.srt"] and "c2.srt" in str(done.failed[0])


def test_a_conversations_id_cannot_lead_out_of_the_folder(tmp_path):
    calls = tmp_path / "calls.csv"
    calls.write_text("call_id,text\n../../evil,Hi.\n/etc/x,Ho.\n..,Hm.\n")
    done = convert(calls, tmp_path / "out", to="txt")
    assert {path.parent for path in done.paths} == {tmp_path / "out"} and len({*done.paths}) == 3


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path):
    out = tmp_path / "a.srt"
    out.write_text("mine")
    with pytest.raises(ResultError, match=r"found one that is there\. Add --force"):
        convert(CALL, out)
    assert out.read_text() == "mine"
    assert convert(CALL, out, force=True).utterances == 2


def test_the_file_that_is_read_is_never_replaced(tmp_path):
    call = tmp_path / "a.json"
    call.write_bytes(CALL.read_bytes())
    with pytest.raises(ResultError, match="another file than the one that is read"):
        convert(call, call, force=True)


def test_nothing_is_left_where_a_form_cannot_be_written(tmp_path):
    chat = tmp_path / "chat.txt"
    chat.write_text("Ana: Hello.\nBen: Hi.\n")
    for form in ("srt", "vtt", "rttm"):
        with pytest.raises(ResultError, match="utterances with times"):
            convert(chat, tmp_path / f"a.{form}")
    assert [path.name for path in tmp_path.iterdir()] == ["chat.txt"]


@pytest.mark.parametrize(("out", "to", "match"), [("a.docx", None, "'.docx'"), ("out", None, "--to"), ("a.srt", "docx", "'docx'")])
def test_a_form_that_is_not_written_is_refused_with_those_that_are(tmp_path, out, to, match):
    with pytest.raises(ConfigError, match=match) as caught:
        convert(CALL, tmp_path / out, to=to)
    assert all(name in str(caught.value) for name in FORMS)


def test_an_unknown_conversation_lists_those_there_are(tmp_path):
    with pytest.raises(TranscriptError, match="id 'x', found 2: '7001', '7002'"):
        convert(FIXTURES / "gong.json", tmp_path / "a.json", conversation="x")


HOSTILE = "one\n\n2\n00:00:09,000 --> 00:00:10,000\n<v Eve>two</v> &amp; =1+1"


@pytest.mark.parametrize("form", ["vtt", "srt", "csv", "txt"])
def test_no_text_can_break_out_of_its_place(tmp_path, form):
    given = tmp_path / "a.json"
    utterances = [{"id": "u1", "speaker": "Ana", "text": HOSTILE, "start": 0, "end": 1}]
    given.write_text(json.dumps({"id": "d", "utterances": utterances}))
    convert(given, tmp_path / f"b.{form}")
    assert len(read_transcript(tmp_path / f"b.{form}").segments) == 1
    if form == "srt":
        assert "< v Eve>two< /v>" in (tmp_path / "b.srt").read_text()
    if form == "vtt":
        assert read_transcript(tmp_path / "b.vtt").segments[0].text == " ".join(HOSTILE.split())


def test_our_own_srt_export_comes_back_without_its_emotions(tmp_path):
    export = tmp_path / "call.srt"
    export.write_text("1\n00:00:00,500 --> 00:00:02,250\nAna Lee: I have called twice! [anger 0.75]\n")
    convert(export, tmp_path / "a.json")
    assert read_transcript(tmp_path / "a.json").segments == (TranscriptSegment("I have called twice!", 0.5, 2.25, "Ana Lee"),)
