"""The files that reader tests read."""

from pathlib import Path

import pytest


@pytest.fixture
def fixture_path():
    """The path of a fixture: ``fixture_path("zoom.vtt")``."""
    return lambda name: Path(__file__).parent / "fixtures" / name


@pytest.fixture
def saved(tmp_path):
    """Writes text or bytes to a file and returns its path: ``saved("Ana: Hello.", "a.txt")``."""

    def save(content: str | bytes, name: str = "transcript") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save
