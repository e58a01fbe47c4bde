"""The panel in headless Chromium: what each row says, and pictures of the page."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

__all__ = ["Panel", "panel"]

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"1280": (1280, 800), "phone": (390, 844)}
ROWS = """() => Object.fromEntries([...document.querySelector('training-panel').shadowRoot.querySelectorAll('li.row')]
  .map(row => [row.querySelector('.name').title, [row.dataset.state, row.querySelector('.message').textContent]]))"""


class Panel:
    """The page, open in a browser."""

    def __init__(self, page: Any, pictures: Path) -> None:
        self._page = page
        self._pictures = pictures
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"page: {error}"))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def rows(self) -> dict[str, tuple[str, str]]:
        """The path of each file → its state and message, as the page shows them."""
        return {path: (state, message) for path, (state, message) in self._page.evaluate(ROWS).items()}

    def title(self) -> str:
        """The title of the page."""
        return str(self._page.title())

    def photograph(self, name: str) -> None:
        """Keep pictures of the whole page in both sizes, light and dark."""
        for size, (width, height) in SIZES.items():
            self._page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self._page.emulate_media(color_scheme=scheme)
                self._page.screenshot(path=str(self._pictures / f"{name}-{size}-{scheme}.png"), full_page=True)
        self._page.emulate_media(color_scheme="light")

    def photograph_text(self, svg: str, name: str) -> None:
        """Keep a picture of an SVG drawing."""
        page = self._page.context.new_page()
        page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:960px}}</style>{svg}")
        page.locator("svg").first.screenshot(path=str(self._pictures / f"{name}.png"))
        page.close()


@contextlib.contextmanager
def panel(sources: str, pictures: Path, interval: float, stalled_after: float) -> Iterator[Panel]:
    """``pulse panel`` for the files that match a pattern, and a browser that shows it."""
    options = ["--port", "0", "--interval", str(interval), "--stalled-after", str(stalled_after)]
    command = [sys.executable, "-m", "pulse", "panel", sources, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            if found is None:
                raise RuntimeError("pulse panel printed no address")
            with sync_playwright() as playwright:
                # Root needs --no-sandbox; the page is the project's own.
                chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
                page.goto(found.group())
                yield Panel(page, pictures)
                chromium.close()
        finally:
            server.terminate()
