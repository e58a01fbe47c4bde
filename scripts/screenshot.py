"""Makes the picture of a report that README.md shows.

    pulse conformance --impl docs/examples/mine --clause 'PWR-*' --seed 1 --report results
    python scripts/screenshot.py --open 1 --size 1000x700 results/report.html docs/images/report.png

Any page on disk can be given that needs no other file. It needs Chromium or Chrome, and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LIMIT = 150_000  # bytes: everyone who opens the README loads the picture
PATIENCE_SECONDS = 60


def screenshot(html: str, picture: Path, *, width: int, height: int, browser: str) -> None:
    """Write a PNG of the top of a page.

    Args:
        html: the page.
        picture: the PNG to write.
        width: of the window, in CSS pixels.
        height: of the window, in CSS pixels.
        browser: the program to start.

    Raises:
        RuntimeError: the browser did not write a picture; it says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        page, profile = Path(folder, "page.html"), Path(folder, "profile")
        page.write_text(html, encoding="utf-8")
        command = [
            browser,
            *("--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"),
            # Chromium refuses to start its sandbox as root, which is usual in containers; the page is our own.
            "--no-sandbox",
            f"--window-size={width},{height}",
            f"--screenshot={picture.resolve()}",
            page.as_uri(),
        ]
        picture.unlink(missing_ok=True)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    if not picture.exists():
        raise RuntimeError(f"{browser} wrote no picture (exit code {ended.returncode}):\n{ended.stderr}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit code: 1 when there is no picture, or when it is too large for the README."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="an HTML file, such as results/report.html")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument(
        "--size", default="1000x700", metavar="WIDTHxHEIGHT", help="of the window (default %(default)s)"
    )
    parser.add_argument("--open", type=int, default=0, metavar="N", help="open the first N folds (default %(default)s)")
    options = parser.parse_args(arguments)
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"none of {', '.join(BROWSERS)} is installed", file=sys.stderr)
        return 1
    if not options.page.is_file():
        print(f"{options.page}: no such file", file=sys.stderr)
        return 1
    html = options.page.read_text(encoding="utf-8").replace("<details>", "<details open>", options.open)
    width, height = map(int, options.size.split("x"))
    try:
        screenshot(html, options.picture, width=width, height=height, browser=browser)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    size = options.picture.stat().st_size
    print(f"{options.picture}: {size:,} bytes")
    if size > LIMIT:
        print(f"more than {LIMIT:,} bytes: choose a smaller --size", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
