"""docs/convert.md is true."""

import re
from pathlib import Path

from convemo.convert import FORMS

PAGE = (Path(__file__).parents[2] / "docs" / "convert.md").read_text(encoding="utf-8")


def test_every_form_has_its_row():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(FORMS)
