"""Keeps a state: the image of the disk, the command that mounts it, and the story in words."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from stress.powercut.blocks.contents import contents_of
from stress.powercut.blocks.image import BLOCK, Base
from stress.powercut.blocks.looking import mounted
from stress.powercut.blocks.recording import FOLDER, Recording, copy_image
from stress.powercut.blocks.states import State
from stress.powercut.blocks.story import in_full
from stress.powercut.blocks.tally import Look

__all__ = ["keep"]

IMAGE, ARCHIVE, STORY = "image", "image.tar.gz", "story.txt"


def keep(recording: Recording, look: Look, parent: Path) -> Path:
    """Write a state into a new folder of ``parent``, or in place of an older one, and return that folder.

    Raises OSError, also where tar(1) fails.
    """
    folder = parent / f"{recording.file_system.name}-{look.number}"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        image = Path(name) / IMAGE
        write_image(recording, look.state, image)
        archive = Path(name) / ARCHIVE
        _run("tar", "--create", "--gzip", "--sparse", "--file", archive, "--directory", name, IMAGE)
        archive.replace(folder / ARCHIVE)
        image.unlink()
        changes = [n for n in range(look.state.stable, look.state.cut) if recording.events[n].changes]
        ranges = [(recording.events[number].offset, recording.events[number].length) for number in changes]
        told = _contents(recording, look.state, ranges, Path(name))
    options = ",".join(filter(None, ("loop", recording.file_system.kind.options)))
    lines = [
        f"{recording.file_system.name}, state {look.number}: {look.outcome.text}",
        f"{look.round.described()}; {look.state.kind}: {look.written}",
        "",
        "To look at it, on Linux, as root:",
        "",
        f"    tar -xzf {ARCHIVE} && mkdir mounted && mount -o {options} {IMAGE} mounted && ls -l mounted/{FOLDER}",
        "",
        *in_full(look.state, recording.events, dict(zip(changes, told, strict=True))),
    ]
    (folder / STORY).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_image(recording: Recording, state: State, path: Path) -> None:
    """Write the whole disk in a state into a new file, with holes where there is nothing. Raises OSError."""
    copy_image(recording.image, path)
    with (
        recording.image.open("rb", buffering=0) as image,
        recording.log.open("rb", buffering=0) as log,
        path.open("r+b") as file,
    ):
        made = Base(image, log, recording.events).image_of(state)
        for number, block in (made.base.blocks | made.changed).items():
            file.seek(number * BLOCK)
            file.write(block)


def _contents(recording: Recording, state: State, ranges: list[tuple[int, int]], folder: Path) -> list[str]:
    """What each of these ranges is on the disk that got all writes up to the cut, once that has been recovered."""
    image, point = folder / IMAGE, folder / "mounted"
    write_image(recording, State("prefix", state.cut, (), state.cut), image)
    point.mkdir()
    try:
        with mounted(image, recording.file_system.copies, point):
            pass
    except OSError:  # then its tools see it as it is
        pass
    finally:
        point.rmdir()
    return contents_of(recording.file_system.kind.name, image, ranges)


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
