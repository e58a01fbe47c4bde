"""The panel in headless Chromium. Where Playwright, Chromium or npm is missing, these tests are skipped, except under
`tox -e browser`, where they fail.
"""

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pulse import write_training_status

BROWSERS = (os.environ.get("CHROMIUM", ""), "chromium", "google-chrome", "chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)

STATES = """() => Object.fromEntries(
  [...document.querySelector('training-panel').shadowRoot.querySelectorAll('.row')].map(row => [
    row.querySelector('.name').textContent,
    row.dataset.state
  ]))"""


def missing(what: str) -> NoReturn:
    """Skip the test, or fail where it has to run."""
    if os.environ.get("PULSE_BROWSER"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


class View:
    """A page with a panel, as a person sees it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.dialogs: list[str] = []
        page.set_default_timeout(20_000)
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def states(self) -> dict[str, str]:
        """Name of each row → its state, from top to bottom."""
        states: dict[str, str] = self.page.evaluate(STATES)
        return states

    def wait_for(self, **states: str) -> None:
        """Wait until these rows have these states."""
        wanted = f"() => {{ const now = ({STATES})(); return "
        wanted += " && ".join(f"now[{name!r}] === {state!r}" for name, state in states.items()) + " }"
        self.page.wait_for_function(wanted)

    def text(self, selector: str) -> str:
        """The text of the first such element in the panel."""
        return str(self.page.locator(f"training-panel {selector}").first.text_content())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright")
    if CHROMIUM is None:
        missing("Chromium")
    with sync_playwright() as driver:
        # As root it has no sandbox; the pages are our own.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def view(chromium: Any) -> Iterator[View]:
    """A page of its own, with nothing kept from another test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield View(context.new_page())
    context.close()


@contextmanager
def served(*arguments: str | Path, port: int = 0) -> Iterator[str]:
    """``pulse panel`` as a process, polling five times a second; gives its address."""
    command = [sys.executable, "-m", "pulse", "panel", "--interval", "0.2", "--port", str(port), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        try:
            assert found is not None
            yield found[0]
        finally:
            process.terminate()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server for files, as simple as they come."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def site(folder: Path, port: int = 0) -> Iterator[str]:
    """A plain web server for the files of a folder; gives its address."""
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def put(path: Path, status: str = "running", epoch: float = 1.0, **members: Any) -> Path:
    """Write a status of a run of four epochs."""
    write_training_status(path, status, epoch, **{"total_epochs": 4.0, "loss": 0.5, **members})
    return path
