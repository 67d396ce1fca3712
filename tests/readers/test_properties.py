"""What holds for every file, however broken: one error, or a valid transcript with every word."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from convemo import registry
from convemo.errors import TranscriptError
from convemo.readers import read_transcript, read_transcripts
from convemo.readers.base import Reader
from convemo.readers.shape import Shapes
from convemo.types import Transcript

FIXTURES = sorted((Path(__file__).parent / "fixtures").iterdir())
READERS = list(registry.BUILT_IN["reader"])
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Text made of what the formats are made of reaches deeper than random letters do.
punctuation = st.sampled_from(["\n", "\n\n", "\t", ",", ";", '"', "{", "}", "[", "]", "- ", "->", "：", "é", "\ufeff", "\u2028", "\x0b"])
cue_scraps = st.sampled_from(
    ["WEBVTT", "NOTE", "0:0:1.0 --> 0:0:2.0", "-0:0:1.5", "-->", "<v Ana>", "</v>", "<c>", "<0:1.5>", "&amp;", "&#9;"]
)
json_scraps = st.sampled_from(
    [
        '"segments": [',
        '"utterances": [',
        '"text": "a"',
        '"words": [',
        '"start": 1',
        '{"spokenText": "',
        "1e999",
        "NaN",
        '[{"role": "user", ',
        '"messages": [',
        '"content": "a"',
        '"ts": 1',
    ]
)
line_scraps = st.sampled_from(
    [
        "text",
        "speaker",
        "start",
        "1",
        "Ana: ",
        "[B]: ",
        "(Ana)",
        "Ana  0:12",
        "[00:01] ",
        "(0:05)",
        "word",
        "[01/03/2024, 10:00:00] Ana: ",
        "32/13/24, 25:61 - ",
    ]
)
scraps = punctuation | cue_scraps | json_scraps | line_scraps
texts = st.lists(scraps | st.text(max_size=4), max_size=40).map("".join)


def check(transcripts: tuple[Transcript, ...]) -> None:
    assert isinstance(transcripts, tuple) and transcripts
    for transcript in transcripts:
        assert transcript.segments and transcript.source
        known = {speaker.id for speaker in transcript.speakers}
        assert len(known) == len(transcript.speakers)
        for segment in transcript.segments:
            assert segment.text and segment.text == " ".join(segment.text.split())
            segment.text.encode()  # no half surrogate pairs
            assert segment.speaker is None or segment.speaker in known
            assert segment.voice is None or (segment.voice >= 1 and segment.speaker is None)
            for timed in (segment, *segment.words):
                assert all(t is None or (math.isfinite(t) and t >= 0) for t in (timed.start, timed.end))
                assert timed.start is None or timed.end is None or timed.start <= timed.end
            if segment.words:
                said = " ".join(w.text for w in segment.words)  # "New York" may be one word
                assert "".join(said.split()) == "".join(segment.text.split())
                assert {w.speaker for w in segment.words} <= {None, *known}


def read_or_refuse(call) -> None:
    try:
        transcripts = call()
    except TranscriptError as error:
        assert error.expected and error.found
        return
    check(transcripts)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_fixture_is_valid(path):
    check(read_transcripts(path))


@quick
@given(content=st.binary(max_size=200) | texts.map(lambda text: text.encode(errors="replace")))
@example(b"\xff\xfe\x00\xd8")
def test_no_bytes_crash_reading(tmp_path, content):
    path = tmp_path / "any"
    path.write_bytes(content)
    read_or_refuse(lambda: read_transcripts(path))


@pytest.mark.parametrize("name", READERS)
@quick
@given(text=texts)
def test_no_text_crashes_a_reader_that_was_named(tmp_path, name, text):
    path = tmp_path / "any"
    path.write_text(text, errors="replace")
    read_or_refuse(lambda: read_transcripts(path, format=name))


# JSON made of the fields that the formats have, in any order and depth, with values of any kind.
others = "speaker channel start end offsetInTicks startTimeMs start_time created_at id users parties Items type".split()  # noqa: SIM905
shapes = [shape for name in READERS if isinstance(look := registry.find("reader", name).looks_like, Shapes) for shape in look]
fields = sorted({*others, *re.findall(r"\w+", " ".join(path for shape in shapes for path in (*shape.marks, *shape.needs)))})
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "4.87", "-1", "1e999", "AGENT", "ch_0", "<b>a"])
)
json_values = st.recursive(
    values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(fields), inner, max_size=5), max_leaves=25
)


@pytest.mark.parametrize("name", READERS)
@quick
@given(value=json_values)
def test_no_json_crashes_a_reader_that_was_named(tmp_path, name, value):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(value))
    read_or_refuse(lambda: read_transcripts(path, format=name))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values)
def test_no_json_crashes_reading(tmp_path, value):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(value))
    read_or_refuse(lambda: read_transcripts(path))


@st.composite
def altered(draw, value):
    """The value with some of what is in it replaced by anything else."""
    if isinstance(value, dict):
        return {key: draw(altered(inner)) for key, inner in value.items()}
    if isinstance(value, list):
        return [draw(altered(inner)) for inner in value[:3]]
    return draw(values) if draw(st.integers(0, 7)) == 0 else value


@pytest.mark.parametrize("path", [path for path in FIXTURES if path.suffix == ".json"], ids=lambda path: path.name)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_value_of_another_kind_in_a_real_file_crashes_reading(tmp_path, path, data):
    whole = json.loads(path.read_text())
    changed = tmp_path / path.name
    changed.write_text(json.dumps(data.draw(altered(whole))))
    read_or_refuse(lambda: read_transcripts(changed))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_real_file_crashes_reading(tmp_path, path, data):
    raw = path.read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(len(raw), start + 40)))
    damaged = tmp_path / path.name
    damaged.write_bytes(raw[:start] + data.draw(st.binary(max_size=8)) + raw[stop:])
    read_or_refuse(lambda: read_transcripts(damaged))


@pytest.mark.parametrize("name", READERS)
@quick
@given(text=texts)
def test_looking_never_raises_and_is_a_share(name, text):
    look: Reader = registry.find("reader", name).looks_like
    assert 0.0 <= look(text) <= 1.0


spoken = st.lists(st.text("AZabz019.,?!'é", min_size=1, max_size=8), min_size=1, max_size=6).map(" ".join)
names = st.sampled_from(["Ana", "Ben Ortiz", "Caller"])
seconds = st.integers(0, 10_000_000).map(lambda ms: ms / 1000)
utterances = st.lists(st.tuples(names, spoken, seconds, seconds), min_size=1, max_size=6)


@quick
@given(dialogues=st.lists(utterances, min_size=1, max_size=4))
def test_our_own_jsonl_comes_back(tmp_path, dialogues):
    lines = [
        {
            "id": f"d{d}",
            "utterances": [{"id": f"u{i}", "speaker": n, "text": t, "start": a, "end": a + b} for i, (n, t, a, b) in enumerate(said)],
        }
        for d, said in enumerate(dialogues)
    ]
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    back = read_transcripts(path)
    assert [t.id for t in back] == [line["id"] for line in lines]
    for transcript, said in zip(back, dialogues):
        assert [(s.speaker, s.text, s.start, s.end) for s in transcript.segments] == [(n, t, a, a + b) for n, t, a, b in said]


def clock(s: float, mark: str) -> str:
    ms = round(s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{mark}{ms % 1000:03d}"


@pytest.mark.parametrize(
    ("mark", "head", "voice"), [(".", "WEBVTT\n\n", "<v {}>{}</v>"), (".", "WEBVTT\n\n", "{}: {}"), (",", "", "[{}]: {}")]
)
@quick
@given(said=utterances)
def test_cues_keep_every_speaker_word_and_time(tmp_path, mark, head, voice, said):
    cues = [f"{i}\n{clock(a, mark)} --> {clock(a + b, mark)}\n{voice.format(n, t)}\n\n" for i, (n, t, a, b) in enumerate(said)]
    path = tmp_path / "cues.vtt"
    path.write_text(head + "".join(cues))
    back = read_transcript(path).segments
    assert [(s.speaker, s.text) for s in back] == [(n, t) for n, t, _, _ in said]
    assert all(abs(s.start - a) < 0.002 and abs(s.end - a - b) < 0.002 for s, (_, _, a, b) in zip(back, said))


@quick
@given(said=utterances)
def test_plain_lines_keep_every_word_in_order(tmp_path, said):
    path = tmp_path / "plain"
    path.write_text("".join(f"{n}: {t}\n" for n, t, _, _ in said))
    assert [(s.speaker, s.text) for s in read_transcript(path, format="plain").segments] == [(n, t) for n, t, _, _ in said]
