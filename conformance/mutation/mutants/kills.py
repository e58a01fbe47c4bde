"""Writers that are correct until they are killed, or that mishandle what a killed writer left (clauses KIL)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

__all__ = ["leftovers", "owned_name", "publish_owned"]

_PATIENCE = 3.0  # seconds, well within the budget of an answer


def owned_name(self: Honest, target: str, kind: str) -> str:
    """A new name beside the target that shows its purpose, its target and the process that made it."""
    token = os.urandom(8).hex()
    self.memory[token] = kind
    return os.path.join(os.path.dirname(target), f".{_label(target, kind)}.{os.getpid()}.{token}.tmp")


def leftovers(self: Honest, target: str, kind: str) -> list[str]:
    """The files with such names that belong to this target and to no write that is still running."""
    folder = os.path.dirname(target)
    found = []
    for name in sorted(os.listdir(folder)):
        match name.split("."):
            case ["", label, process, token, "tmp"] if label == _label(target, kind):
                mine = process == str(os.getpid())
                if token not in self.memory if mine else not _runs(int(process)):
                    found.append(os.path.join(folder, name))
    return found


def publish_owned(self: Honest, target: str, data: bytes) -> None:
    """`Honest.publish` of a resolved target, with a temp whose name identifies its writer."""
    temp = owned_name(self, target, "temp")
    try:
        self.fill_temp(temp, target, data)
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise
    self.sync_folder(target)


def _label(target: str, kind: str) -> str:
    # A checksum, because the name itself may leave no room for the rest.
    return hashlib.sha256(os.fsencode(os.path.basename(target))).hexdigest()[:16] + kind


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@mutant("replace", caught_by="KIL-01")
def unlink_then_link(self: Honest, temp: str, target: str) -> None:
    """Removes the target and links the temp to its name, because link(2) does not replace."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    os.link(temp, target)
    os.unlink(temp)


@mutant("publish", caught_by="KIL-01")
def in_place_with_a_backup(self: Honest, path: str, data: bytes) -> None:
    """Writes in place after copying the old document, and restores the copy when that fails."""
    target = self.resolve(path)
    backup = self.temp_name(target)
    try:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(target, backup)
        with open(target, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.replace(backup, target)
        raise
    self.discard(backup)
    self.sync_folder(target)


# os.kill with signal 0 checks whether a process is running; on Windows it would end the process.
if sys.platform != "win32":

    @mutant("publish", caught_by="KIL-02")
    def stopped_by_a_leftover(self: Honest, path: str, data: bytes) -> None:
        """Refuses to write beside the temp of a dead process until that is removed by hand."""
        target = self.resolve(path)
        for left in leftovers(self, target, "temp"):
            raise OSError(errno.EBUSY, "a process died here: inspect what it left, and remove it", left)
        publish_owned(self, target, data)

    @mutant("guard", caught_by="KIL-02")
    @contextlib.contextmanager
    def lock_file_outlives_its_owner(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Creates a lock file for each write, and gives up when one still exists after three seconds."""
        if not writing:
            yield
            return
        target = self.resolve(path)
        lock = os.path.join(os.path.dirname(target), f".{_label(target, '')}.lock")
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                break
            except FileExistsError:
                if time.monotonic() > deadline:
                    raise BlockingIOError(errno.EAGAIN, "another writer holds the lock", lock) from None
                time.sleep(0.001)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(lock)

    @mutant("publish", caught_by="KIL-04")
    def rolls_back_after_a_kill(self: Honest, path: str, data: bytes) -> None:
        """Keeps a link to the old document during a write, and restores the one that a killed writer left."""
        target = self.resolve(path)
        for backup in leftovers(self, target, "old"):
            os.replace(backup, target)
            self.discard(backup)  # rename(2) leaves it when both names link to one file
        backup = owned_name(self, target, "old")
        try:
            with contextlib.suppress(FileNotFoundError):
                os.link(target, backup)
            publish_owned(self, target, data)
        finally:
            self.discard(backup)

    @mutant("publish", caught_by="KIL-04")
    def distrusts_the_target_after_a_kill(self: Honest, path: str, data: bytes) -> None:
        """Removes the target as well when it finds the temp of a dead process, and then writes it anew."""
        target = self.resolve(path)
        for left in leftovers(self, target, "temp"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            self.discard(left)
        publish_owned(self, target, data)

    # Their clauses catch the next three only where the write after a kill is killed or fails itself.

    @mutant("publish", caught_by="KIL-01", on=("linux",), depth=2)
    def orphan_published_without_a_look(self: Honest, path: str, data: bytes) -> None:
        """Takes the temp of a dead process for a whole document, and publishes it before its own."""
        target = self.resolve(path)
        for left in leftovers(self, target, "temp"):
            os.replace(left, target)
        publish_owned(self, target, data)

    @mutant("publish", caught_by="FLT-01", on=("linux",), depth=2)
    def target_moved_aside_for_recovery(self: Honest, path: str, data: bytes) -> None:
        """Moves the target aside while it removes the temps of dead processes, and back when all are gone."""
        target = self.resolve(path)
        found = leftovers(self, target, "temp")
        aside = owned_name(self, target, "aside")
        if found:
            os.rename(target, aside)
            for left in found:
                os.unlink(left)
            os.rename(aside, target)
        publish_owned(self, target, data)

    @mutant("publish", caught_by="KIL-02", on=("linux",), depth=2)
    def stale_lock_truncated(self: Honest, path: str, data: bytes) -> None:
        """Takes over the lock of a dead process by writing its own number into the file: an empty one stops it."""
        target = self.resolve(path)
        lock = os.path.join(os.path.dirname(target), f".{_label(target, '')}.lock")
        own = owned_name(self, target, "own")
        with open(own, "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
        try:
            _take(lock, own)
        finally:
            self.discard(own)
        try:
            publish_owned(self, target, data)
        finally:
            self.discard(lock)

    def _take(lock: str, own: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                os.link(own, lock)
                return
            except FileExistsError:
                with contextlib.suppress(FileNotFoundError), open(lock, encoding="ascii") as file:
                    owner = file.read()
                    if not owner:
                        raise BlockingIOError(errno.EAGAIN, "a lock without an owner", lock) from None
                    if not _runs(int(owner)):
                        with open(lock, "w", encoding="ascii") as taken:
                            taken.write(str(os.getpid()))
                        return
                time.sleep(0.001)
        raise BlockingIOError(errno.EAGAIN, "another writer holds the lock", lock)
