"""What importing convemo costs, and which part may import which."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "whisper", "pyannote", "faster_whisper", "ctranslate2", "onnxruntime", "av", "pandas", "librosa", "scipy")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_convemo_loads_nothing_else_of_it_and_nothing_heavy():
    loaded = loaded_by("import convemo")
    assert {name for name in loaded if name.startswith("convemo")} == {"convemo"}
    assert not loaded & {*HEAVY, "numpy", "pydantic", "rich", "typer"}


def test_the_help_loads_nothing_that_the_help_does_not_need():
    loaded = loaded_by("import convemo.cli")
    assert not loaded & {*HEAVY, "numpy", "pydantic"}


def test_an_analyzer_is_made_without_any_engine_being_loaded():
    assert not loaded_by("from convemo import Analyzer; Analyzer()") & set(HEAVY)


def test_every_public_name_is_there():
    import convemo

    assert all(getattr(convemo, name) is not None for name in convemo.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Analyser'"):
        _ = convemo.Analyser


def test_imports_go_downwards_only():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports() == EXIT_STATUS_SUCCESS
