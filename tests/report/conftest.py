import pytest

from tests.report.browser import CHROMIUM, Browser


@pytest.fixture(scope="session")
def browser():
    """A real browser; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    browser = Browser()
    yield browser
    browser.close()
