"""The examples run, and give what they promise."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_the_customer_of_the_bundled_call_gets_angry_and_ends_well():
    lines = run("analyze_call.py").splitlines()
    assert any("anger" in line for line in lines)
    worst, last = map(float, re.findall(r"0\.\d\d", lines[-1]))
    assert lines[-1].startswith("Customer Tom") and last < worst


def test_answers_on_disk_gain_by_being_fused_with_the_voice(tmp_path):
    lines = run("evaluate_answers.py", str(tmp_path)).splitlines()
    accuracy = {line.split()[0]: float(line.split()[2]) for line in lines[:3]}
    assert accuracy["fused"] > accuracy["llm"] > accuracy["voice"]
    assert any(line.startswith("fused against llm: ") and "weighted F1 +" in line for line in lines[3:])


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the synthesiser espeak-ng")
def test_the_bundled_call_is_what_its_script_makes(tmp_path):
    run("make_support_call.py", str(tmp_path))
    made = (tmp_path / "support_call.vtt").read_text(encoding="utf-8").splitlines()
    bundled = (EXAMPLES / "support_call.vtt").read_text(encoding="utf-8").splitlines()
    assert [line for line in made if "-->" not in line] == [line for line in bundled if "-->" not in line]
    assert (tmp_path / "support_call.flac").stat().st_size > 0
