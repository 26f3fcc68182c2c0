"""The browser for these tests. Without Chromium they are skipped; with CI=true that is a failure."""

import os
from collections.abc import Iterator

import pytest

from tests.browser.browser import INSTALL, Browser, missing_programs, start_browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing := missing_programs():
        reason = f"needs {' and '.join(missing)}: {INSTALL}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with start_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running
