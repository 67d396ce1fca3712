"""CSV, TSV and relatives."""

import pytest

from convemo.errors import TranscriptError
from convemo.readers import read_transcripts
from convemo.readers.table import looks_like, read


def said(text):
    return [(s.speaker, s.text, s.start, s.end) for s in read(text, "a.csv")[0].segments]


def test_a_contact_centres_export_with_semicolons_and_several_calls(fixture_path):
    first, second = read_transcripts(fixture_path("contact_centre.csv"))
    assert (first.id, second.id) == ("c1", "c2")
    assert [(s.speaker, s.text, s.start, s.end) for s in first.segments] == [
        ("Noor", "Hello; how can I help?", 1.5, 3.0),
        ("Ivo", "You cannot.", 4.25, 6.0),
    ]
    assert [(s.id, s.role) for s in first.speakers] == [("Noor", "agent"), ("Ivo", "customer")]


def test_points_in_time_count_from_the_first_and_quotes_in_a_tsv_are_words(fixture_path):
    (transcript,) = read_transcripts(fixture_path("chat.tsv"))
    assert [(s.text, s.start, s.end) for s in transcript.segments] == [('Say "hello', 0.0, 4.5), ("No.", 4.5, None)]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_unix_time_counts_from_the_first_row_in_any_unit(unit):
    rows = "".join(f"{(1_790_000_000 + s) * unit},hi\n" for s in (0, 5))
    assert [start for _, _, start, _ in said("timestamp,text\n" + rows)] == [0.0, 5.0]


@pytest.mark.parametrize(("cell", "start"), [("83", 83.0), ("1:23", 83.0), ("0:01:23.5", 83.5), ('"83,5"', 83.5), ("-2", 0.0), ("", None)])
def test_times_as_seconds_or_clock(cell, start):
    assert said(f"text,start\nhi,{cell}\n")[0][2] == start


@pytest.mark.parametrize(
    "header", ["Dialogue_ID,Speaker,Utterance,StartTime", "dialogue id,AUTHOR,Body,start-time", "call_id,from,message,Timestamp"]
)
def test_columns_are_known_by_any_spelling(header):
    (transcript,) = read(header + "\n7,Ana,Hi.,2\n", "a.csv")
    assert (transcript.id, transcript.segments[0].speaker, transcript.segments[0].text, transcript.segments[0].start) == (
        "7",
        "Ana",
        "Hi.",
        2.0,
    )


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(delimiter):
    rows = [("speaker", "text", "x"), ("Ana", "Hi.", "1")]
    assert said("\n".join(map(delimiter.join, rows)))[0][:2] == ("Ana", "Hi.")


def test_a_role_column_alone_names_the_speakers():
    (transcript,) = read("role,content\nAGENT,Hi.\nend_user,No.\nbot,Beep.\n", "a.csv")
    assert [(s.id, s.role) for s in transcript.speakers] == [("AGENT", "agent"), ("end_user", "customer"), ("bot", None)]


def test_a_speaker_with_both_roles_has_none():
    (transcript,) = read("speaker,role,text\nA,agent,Hi.\nA,customer,Ho.\n", "a.csv")
    assert transcript.speakers[0].role is None


def test_an_unquoted_delimiter_in_the_last_column_loses_no_word():
    assert said("speaker,text\nAna,Well, hello, you\n")[0][1] == "Well, hello, you"


def test_excels_delimiter_line_and_trailing_cells_are_understood():
    assert said("sep=;\nspeaker;text\nAna;Hi.;;\n") == [("Ana", "Hi.", None, None)]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("speaker,text,start\nAna,hi,1\nAna,hi, you,2\n", 3, "expected 3 cells, as in the header, found 4 cells. Quote the text."),
        ("text,start\nhi,1\nho,soon\n", 3, "expected a time in seconds, hh:mm:ss or ISO 8601, found 'soon'"),
        ('speaker,text\nAna,"a\nb"\nBen,"never closed\n\nAna,x\n', 4, "expected quotation marks in pairs"),
        ("\nspeaker,when\nAna,1\n", 2, "expected a header with a text column"),
    ],
)
def test_an_error_names_file_and_line(content, line, message):
    with pytest.raises(TranscriptError) as caught:
        read(content, "a.csv")
    assert str(caught.value).startswith(f"a.csv, line {line}: ") and message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "columns"),
    [
        ("speaker,words,start\nAna,Hi.,1\n", "a", "'speaker', 'words', 'start'"),
        ("who;what\nAna;Hi.\n", "a.csv", "'who', 'what'"),
    ],
)
def test_a_table_without_a_text_column_says_which_it_has_and_which_is_missing(saved, content, name, columns):
    with pytest.raises(TranscriptError) as caught:
        read_transcripts(saved(content, name))
    assert f"found the columns {columns}." in str(caught.value) and "The text column is missing" in str(caught.value)


def test_prose_with_a_comma_is_not_called_a_table(saved):
    with pytest.raises(TranscriptError, match="2 lines of text"):
        read_transcripts(saved("Hello, I am alone.\nThat is all, then.\n"))


@pytest.mark.parametrize("text", ["Text\nHello.\n", "Ana: the text, the role\n", "a,b\n1,2\n", "text", ""])
def test_what_has_no_header_is_no_table(text):
    assert looks_like(text) == 0.0


@pytest.mark.data
@pytest.mark.parametrize("name", ["emorynlp/emorynlp_dev_final.csv", "meld/dev_sent_emo.csv"])
def test_research_tables_are_read_whole(data_root, name):
    if not (data_root / name).is_file():
        pytest.skip(f"no {name}")
    transcripts = read_transcripts(data_root / name)
    rows = (data_root / name).read_text(errors="replace").count("\n")
    assert sum(len(t.segments) for t in transcripts) >= 0.95 * (rows - 1)
