"""``python -m stress.powercut.blocks.looking PARENT FOLDER``: mounts one state after the other, and says what it holds.

It is told what to do on standard input, and answers on standard output, in pickles (multiprocessing.connection): each
time with what was seen, or with what this machine lacks. It ends with its input, or with the process PARENT, and leaves
no mount behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
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
from stress.powercut.blocks.verdict import Leftover, Seen, Unseen

__all__ = ["Look", "Unmountable", "answer_with", "look_at", "mounted"]

_NOT_ITS_CONTENTS = (errno.EACCES, errno.EBUSY, errno.ENODEV, errno.ENOMEM, errno.EPERM)  # of mount(2)


@dataclass(frozen=True)
class Look:
    """Look at a disk in a state, which is mounted so. With ``hold`` its file system stays mounted until the next
    message, which may be anything, and then a second answer comes. ``number`` is a new one.
    """

    number: int
    choice: Choice
    kind: Kind
    hold: bool = False


class Unmountable(OSError):
    """The file system does not mount an image."""


@contextlib.contextmanager
def mounted(image: Path, kind: Kind, point: Path) -> Iterator[Disk]:
    """Mount an image, which recovers it, for the time of the block.

    Raises Unmountable where the file system refuses it, and another OSError where it is not even asked.
    """
    with contextlib.ExitStack() as stack:
        try:
            device = stack.enter_context(loop_device(image))
        except OSError as error:
            raise OSError(
                error.errno, f"no loop device can be used here: {error}; each process that mounts states needs one"
            ) from error
        disk = Disk(kind, point, device)
        try:
            disk.mount()
        except OSError as error:
            if error.errno in _NOT_ITS_CONTENTS:
                raise
            _require_readable(image)
            raise Unmountable(error.errno, error.strerror) from error
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


def _require_readable(image: Path) -> None:
    """Raise OSError when the server of an image does not even open it: then no mount says anything about it."""
    os.close(os.open(image, os.O_RDONLY))


def answer_with(send: Callable[[Unseen], None], look: Callable[[], None]) -> None:
    """Answer with why not, where this machine lacks what it needs to look at a disk."""
    try:
        look()
    except Unmeasured as reason:
        send(Unseen(str(reason)))
    except OSError as error:
        send(Unseen(str(error.strerror or error)))


def _answer(requests: Connection, answers: Connection, folder: Path) -> None:
    point = folder / "mounted"
    point.mkdir()
    with serving("stress.powercut.blocks.image_server", folder) as server:
        while True:
            look: Look = requests.recv()
            try:
                image = choose(server.place, look.number, look.choice)
                with mounted(image, look.kind, point) as disk:
                    seen = look_at(disk)
                    if seen.unreadable and (how := server.ended()):
                        raise Unmeasured(f"the server of the images {how}")
                    if look.hold:
                        answers.send(seen)
                        requests.recv()
            except Unmountable as error:
                seen = Seen(unmountable=str(error.strerror))
            except OSError as error:
                how = server.ended()
                raise Unmeasured(f"the server of the images {how}" if how else str(error.strerror or error)) from error
            answers.send(seen)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    to_parent = Connection(os.dup(1), readable=False)
    with contextlib.suppress(EOFError, BrokenPipeError):
        answer_with(to_parent.send, lambda: _answer(Connection(0, writable=False), to_parent, Path(sys.argv[2])))
