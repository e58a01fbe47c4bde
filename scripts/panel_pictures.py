"""Makes the pictures of the panel that docs/panel.md shows: every state, at 1,280 pixels and at phone width.

    python scripts/panel_pictures.py docs/images

It trains nothing: it writes status files, starts `pulse panel` on them, and takes pictures with Chromium. It needs the
extra `panel`, Playwright (`python -m pip install playwright`), and Chromium or Chrome.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from pulse import write_training_status

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
STEPS, STEP_SECONDS = 40, 0.8
HOUR = 3600

PICTURES: tuple[tuple[str, int, int, Any], ...] = (("panel", 1180, 640, "light"), ("panel-phone", 390, 700, "dark"))
"""Name, width and height in pixels, colour scheme."""


def write_all(folder: Path, step: int, now: int) -> None:
    """Write the files of one moment; ``step`` counts from 0."""

    def run(name: str, status: str, epoch: float, total: float, loss: float, message: str, age: int = 0) -> None:
        path = folder / f"{name}.json"
        write_training_status(path, status, epoch, total, loss, message, now - age)
        if age:
            os.utime(path, (now - age, now - age))

    wobble = math.sin(step * 1.7) * 0.04
    done = step / STEPS
    run(
        "llama-8b-lora",
        "running",
        1.2 + done / 4,
        3.0,
        1.9 * math.exp(-done * 1.4) + wobble,
        f"step {480 + step * 4}/1200",
    )
    run("resnet50", "running", 41 + done, 90.0, 2.2 - done / 2 + wobble, "lr 0.1, 2,950 images/s")
    if step == 0:
        run(
            "whisper-small",
            "error",
            2.5,
            10.0,
            0.342,
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
            400,
        )
        run("vit-large", "running", 7.25, 20.0, 0.8113, "epoch 7/20", 5 * 60)
        run("sweep-12", "idle", 0.0, 0.0, 0.0, "Waiting to start...", 40)
        run("bert-base", "done", 3.0, 3.0, 0.127, "Training completed", 2 * HOUR)


def write_on(folder: Path) -> None:
    """Let the runs go on for a while."""
    for step in range(1, STEPS + 1):
        time.sleep(STEP_SECONDS)
        write_all(folder, step, int(time.time()))


def photograph(address: str, writer: threading.Thread, pictures: Path, browser: str) -> None:
    """Open the panel in every size, wait until all is written, and take the pictures."""
    from playwright.sync_api import sync_playwright  # type: ignore[import-not-found,unused-ignore]  # see above

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        pages: list[tuple[Path, Any]] = []
        for name, width, height, scheme in PICTURES:
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(address)
            pages.append((pictures / f"{name}.png", page))
        writer.join()
        for picture, page in pages:
            page.screenshot(path=str(picture))
            print(f"{picture}: {picture.stat().st_size:,} bytes")
        chromium.close()


def main() -> int:
    """Run the command. Returns the exit code: 1 without a browser."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, help="the folder for the pictures, such as docs/images")
    pictures = parser.parse_args().pictures
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"none of {', '.join(BROWSERS)} is installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder), 0, int(time.time()))
        command = [sys.executable, "-m", "pulse", "panel", "--port", "0", "--interval", "1", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                address = re.search(r"http://\S+", server.stdout.readline())
                assert address is not None
                writer = threading.Thread(target=write_on, args=(Path(folder),))
                writer.start()
                photograph(address[0], writer, pictures, browser)
            finally:
                server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
