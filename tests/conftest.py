"""What many tests share: the research data, where it is here."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of research data: ``CONVEMO_DATA``, else ``../shared/data`` beside the checkout. Skips where it is absent."""
    root = Path(os.environ.get("CONVEMO_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no research data at {root}; set CONVEMO_DATA to the folder that holds ravdess/, emorynlp/ …")
    return root
