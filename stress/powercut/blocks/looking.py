"""``python -m stress.powercut.blocks.looking PARENT FOLDER``: mounts one state after the other, and says what it holds.

It is told what to do on standard input, and answers on standard output, in pickles (multiprocessing.connection). It
ends with its input, or with the process PARENT, and leaves no mount behind. Where nothing can be looked at, the answer
is Unmeasured, which says why.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.oracle.snapshot import snapshot
from conformance.system.parent_death import end_with_parent
from stress.disk import Disk, Kind, loop_device
from stress.powercut.blocks.fuse import serving
from stress.powercut.blocks.image import Choice
from stress.powercut.blocks.image_server import choose
from stress.powercut.blocks.recording import FOLDER, TARGET
from stress.powercut.blocks.verdict import Leftover, Seen

__all__ = ["Look", "look_at", "mounted"]


@dataclass(frozen=True)
class Look:
    """Look at a disk in a state, which is mounted so. With ``hold`` its file system stays mounted until the next
    message, which may be anything, and then a second answer comes. ``number`` is a new one.
    """

    number: int
    choice: Choice
    kind: Kind
    hold: bool = False


@contextlib.contextmanager
def mounted(image: Path, kind: Kind, point: Path) -> Iterator[Disk]:
    """Mount an image, which recovers it, for the time of the block. Raises OSError where it cannot be mounted."""
    with loop_device(image) as device:
        disk = Disk(kind, point, device)
        disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()


def look_at(disk: Disk) -> Seen:
    """What is at the target and beside it, on a file system that is mounted."""
    folder = disk.place / FOLDER
    try:
        target = snapshot(folder / TARGET)
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        beside = tuple(_leftover(folder / name) for name in names if name != TARGET)
    except OSError as error:
        return Seen(unreadable=str(error.strerror))
    if target.exists and target.data is None:
        return Seen(unreadable=f"{target.what} is there", beside=beside)
    return Seen(target.data, beside)


def _leftover(path: Path) -> Leftover:
    data = snapshot(path).data or b""
    return Leftover(path.name, len(data), bool(data) and not data.strip(b"\0"))


def _answer(requests: Connection, answers: Connection, folder: Path) -> None:
    point = folder / "mounted"
    point.mkdir()
    with serving("stress.powercut.blocks.image_server", folder) as place:
        while True:
            look: Look = requests.recv()
            image = choose(place, look.number, look.choice)
            try:
                with mounted(image, look.kind, point) as disk:
                    seen = look_at(disk)
                    if look.hold:
                        answers.send(seen)
                        requests.recv()
            except OSError as error:
                seen = Seen(unmountable=str(error.strerror))
            answers.send(seen)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    with contextlib.suppress(EOFError, BrokenPipeError):
        to_parent = Connection(os.dup(1), readable=False)
        try:
            _answer(Connection(0, writable=False), to_parent, Path(sys.argv[2]))
        except Unmeasured as reason:
            to_parent.send(reason)
