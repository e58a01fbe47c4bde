"""Keeps a state: the image of the disk, the command that mounts it, and the story in words."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from stress.powercut.blocks.contents import contents_of
from stress.powercut.blocks.image import BLOCK, Base
from stress.powercut.blocks.looking import look_at, mounted
from stress.powercut.blocks.recording import FOLDER, NEIGHBOUR, TARGET, Recording, copy_image
from stress.powercut.blocks.states import State
from stress.powercut.blocks.story import in_full
from stress.powercut.blocks.tally import Look
from stress.powercut.blocks.verdict import Outcome, Seen, judge

__all__ = ["keep"]

_LONGEST_NAME = 100  # characters; those of states of large epochs are longer
IMAGE, ARCHIVE, STORY = "image", "image.tar.gz", "story.txt"


def keep(recording: Recording, look: Look, parent: Path, profile: str) -> Path:
    """Write a state into a new folder of ``parent``, or in place of an older one, and return that folder.

    Raises OSError, also where tar(1) fails.
    """
    folder = parent / f"{recording.file_system.name}-{look.label}"[:_LONGEST_NAME]
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
        told, complete = _with_all_writes(recording, look.state, ranges, Path(name), profile)
    options = ",".join(filter(None, ("loop", recording.file_system.kind.options)))
    lines = [
        f"{recording.file_system.name}, state {look.label}: {look.outcome.text}",
        look.described(),
        "",
        f"The target is {FOLDER}/{TARGET}; {NEIGHBOUR} is a file of another program, synced {_when_synced(look)}.",
        f"On a disk that got all block writes up to the cut: {complete.text}.",
        *_unsent(look, complete),
        "",
        "To look at it, on Linux, as root:",
        "",
        f"    tar -xzf {ARCHIVE} && mkdir -p mounted && mount -o {options} {IMAGE} mounted && ls -l mounted/{FOLDER}",
        "    umount mounted",
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


def _unsent(look: Look, complete: Outcome) -> list[str]:
    if not {look.outcome.kind, complete.kind} <= {"torn", "missing"}:
        return []
    return ["So the document's missing bytes had not been sent to the disk before the cut, whatever it did with them."]


def _when_synced(look: Look) -> str:
    if look.round.held:
        return "after each of the writer's calls"
    return "all the time" if look.round.beside_syncs else "after every second document"


def _with_all_writes(
    recording: Recording, state: State, ranges: list[tuple[int, int]], folder: Path, profile: str
) -> tuple[list[str], Outcome]:
    """What each of these ranges is on the disk that got all writes up to the cut, once that has been recovered; and
    what the target is there.
    """
    image, point = folder / IMAGE, folder / "mounted"
    write_image(recording, State("prefix", state.cut, (), state.cut), image)
    point.mkdir()
    try:
        with mounted(image, recording.file_system.copies, point) as disk:
            seen = look_at(disk)
    except OSError as error:  # then its tools see it as it is
        seen = Seen(unmountable=str(error.strerror))
    finally:
        point.rmdir()
    outcome = judge(seen, state.cut, recording.history, recording.round.documents(), profile)
    return contents_of(recording.file_system.kind.name, image, ranges), outcome


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
