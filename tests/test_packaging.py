"""What is installed is what is here: every package by name, and the data that lie outside of it."""

import tomllib
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def test_no_package_is_forgotten():
    here = {str(file.parent.relative_to(ROOT)).replace("/", ".") for file in (ROOT / "convemo").rglob("__init__.py")}
    assert set(SETTINGS["packages"]) == here | set(SETTINGS["package-dir"])


def test_suites_and_their_data_are_found_as_installed():
    for package, folder in SETTINGS["package-dir"].items():
        assert {f.name for f in (ROOT / folder).iterdir()} <= {f.name for f in files(package).iterdir()}


def test_files_that_are_no_python_are_named():
    patterns = SETTINGS["package-data"]["convemo"]
    kinds = {".toml", ".css", ".html", ".json", ".onnx", ".jsonl"}
    others = [f.relative_to(ROOT / "convemo") for f in (ROOT / "convemo").rglob("*") if f.suffix in kinds]
    assert [str(f) for f in others if not any(f.match(pattern) for pattern in patterns)] == []
