"""docs/transcripts.md is true."""

import re
from pathlib import Path

import pytest

from convemo import registry
from convemo.errors import TranscriptError

PAGE = (Path(__file__).parents[2] / "docs" / "transcripts.md").read_text(encoding="utf-8")


def test_every_reader_has_its_row():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(registry.BUILT_IN["reader"])


def test_the_example_reader_works():
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def read(" in block)
    module: dict = {}
    exec(compile(code, "docs/transcripts.md", "exec"), module)
    read = module["read"]
    (transcript,) = read("#MYCHAT\nAna\tHi.\nBen\tHo.\n", "a.mychat")
    assert [(s.speaker, s.text) for s in transcript.segments] == [("Ana", "Hi."), ("Ben", "Ho.")]
    assert (read.looks_like("#MYCHAT 1"), read.looks_like("Ana: Hi."), read.suffixes) == (1.0, 0.0, (".mychat",))
    with pytest.raises(TranscriptError, match="line 2: expected a name, a tab and a text"):
        read("#MYCHAT\nAna says hi\n", "a.mychat")
