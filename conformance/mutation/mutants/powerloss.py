"""Writers whose defects show only after a power cut (clauses PWR)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable

from conformance.mutation.honest import Honest, sync_folder
from conformance.mutation.mutants.kills import leftovers, publish_owned
from conformance.mutation.registry import mutant


def _fill(
    self: Honest, temp: str, target: str, write: Callable[[int], None], flags: int = getattr(os, "O_BINARY", 0)
) -> None:
    """`Honest.fill_temp` with another way to write, and without any sync of its own."""
    descriptor = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
    try:
        write(descriptor)
        self.keep_metadata(temp, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    self.close(descriptor)


@mutant("sync", caught_by="PWR-01")
def no_fsync(self: Honest, descriptor: int) -> None:
    """Never syncs the document."""


@mutant("fill_temp", caught_by="PWR-01")
def no_fsync_when_idle(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Does not sync a status idle, with which no work is lost."""
    if json.loads(data)["status"] == "idle":
        _fill(self, temp, target, lambda descriptor: self.send(descriptor, data))
    else:
        Honest.fill_temp(self, temp, target, data)


@mutant("sync", caught_by="PWR-01")
def fsync_of_another_file(self: Honest, descriptor: int) -> None:
    """Syncs an empty file in the system's folder for temporary files."""
    with tempfile.TemporaryFile() as other:
        os.fsync(other.fileno())


@mutant("fill_temp", caught_by="PWR-01")
def fsync_of_a_draft(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Writes and syncs a draft, and renames a second, unsynced file with the same bytes."""
    draft = self.temp_name(target)
    try:
        Honest.fill_temp(self, draft, target, data)
        _fill(self, temp, target, lambda descriptor: self.send(descriptor, data))
    finally:
        self.discard(draft)


@mutant("fill_temp", caught_by="PWR-01")
def fsync_before_the_last_piece(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Syncs the first half of the document and then writes the second."""
    half = len(data) // 2

    def write(descriptor: int) -> None:
        self.send(descriptor, data[:half])
        self.sync(descriptor)
        self.send(descriptor, data[half:])

    _fill(self, temp, target, write)


@mutant("fill_temp", caught_by="PWR-01", on=("linux",))
def short_document_synced_before_its_flush(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Syncs the temp while a short document is still in the buffer of its file object."""
    with os.fdopen(self.create(temp), "wb", buffering=4096) as file:
        file.write(data)
        if len(data) >= 4096:
            file.flush()
        self.keep_metadata(temp, target)
        self.sync(file.fileno())


@mutant("sync_folder", caught_by="PWR-02")
def no_folder_fsync(self: Honest, target: str) -> None:
    """Never syncs the folder."""


@mutant("publish", caught_by="PWR-02", on=("linux",))
def folder_of_the_link_synced(self: Honest, path: str, data: bytes) -> None:
    """Follows a link at the target, but syncs the folder that holds the link, not the one that holds the file."""
    synced = self.sync_folder
    self.sync_folder = lambda target: synced(path)  # type: ignore[method-assign]  # for this write only
    try:
        Honest.publish(self, path, data)
    finally:
        self.sync_folder = synced  # type: ignore[method-assign]  # as it was


if sys.platform != "win32":

    @mutant("publish", caught_by="PWR-01")
    def fsync_after_rename(self: Honest, path: str, data: bytes) -> None:
        """Renames the temp first and syncs it afterwards."""
        target = self.resolve(path)
        temp = self.temp_name(target)
        try:
            _fill(self, temp, target, lambda descriptor: self.send(descriptor, data))
            self.replace(temp, target)
        except BaseException:
            self.discard(temp)
            raise
        _sync_by_name(target)
        self.sync_folder(target)

    def _sync_by_name(path: str) -> None:
        """Sync a file through a fresh descriptor that is open for reading only."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @mutant("fill_temp", caught_by="PWR-01")
    def fsync_of_the_old_document(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Syncs a fresh read-only descriptor, but of the target, which is still the old document."""

        def write(descriptor: int) -> None:
            self.send(descriptor, data)
            with contextlib.suppress(FileNotFoundError):
                _sync_by_name(target)

        _fill(self, temp, target, write)

    @mutant("fill_temp", caught_by="PWR-01")
    def fsync_of_the_folder_only(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Syncs the folder before and after the rename, and never the document."""

        def write(descriptor: int) -> None:
            self.send(descriptor, data)
            self.sync_folder(temp)

        _fill(self, temp, target, write)

    @mutant("publish", caught_by="PWR-02")
    def folder_fsync_before_rename(self: Honest, path: str, data: bytes) -> None:
        """Syncs the folder while it holds the temp, and not after the rename."""
        target = self.resolve(path)
        temp = self.temp_name(target)
        try:
            self.fill_temp(temp, target, data)
            self.sync_folder(target)
            self.replace(temp, target)
        except BaseException:
            self.discard(temp)
            raise

    @mutant("sync_folder", caught_by="PWR-02")
    def folder_fsync_of_the_parent(self: Honest, target: str) -> None:
        """Syncs the parent of the target's folder instead of the folder itself."""
        sync_folder(os.path.dirname(os.path.dirname(target)))

    @mutant("sync_folder", caught_by="PWR-02")
    def fsync_of_the_target_for_its_folder(self: Honest, target: str) -> None:
        """Syncs the target once more after the rename, and not the folder that holds its name."""
        _sync_by_name(target)

    @mutant("sync_folder", caught_by="PWR-02")
    def folder_that_cannot_be_synced_is_an_error(self: Honest, target: str) -> None:
        """Answers io on a file system that cannot sync folders."""
        folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @mutant("publish", caught_by="PWR-04")
    def leftover_renamed_onto_target(self: Honest, path: str, data: bytes) -> None:
        """First finishes the write of a dead process: renames its temp onto the target, whatever it holds."""
        target = self.resolve(path)
        for left in leftovers(self, target, "temp"):
            with contextlib.suppress(OSError):
                os.replace(left, target)
        publish_owned(self, target, data)

    @mutant("publish", caught_by="PWR-04")
    def one_name_truncated(self: Honest, path: str, data: bytes) -> None:
        """Truncates a file of one fixed name for every write: after a power cut it may be the target's other name."""
        target = self.resolve(path)
        temp = os.path.join(os.path.dirname(target), ".pulse.tmp")
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            self.send(descriptor, data)
            self.sync(descriptor)
        finally:
            self.close(descriptor)
        self.replace(temp, target)
        self.sync_folder(target)

    @mutant("publish", caught_by="PWR-04")
    def stopped_by_an_unreadable_leftover(self: Honest, path: str, data: bytes) -> None:
        """Reads and removes the temps that dead processes left, and gives up at one that is not a document."""
        target = self.resolve(path)
        for left in leftovers(self, target, "temp"):
            if self.read(left) is None:
                raise OSError(errno.EIO, "not a document", left)
            self.discard(left)
        publish_owned(self, target, data)


if sys.platform == "linux":
    import fcntl
    import mmap

    _libc = ctypes.CDLL(None, use_errno=True)
    _WAIT_WRITE_WAIT = 1 | 2 | 4  # all flags of sync_file_range(2)
    _MS_ASYNC, _MS_SYNC = 1, 4

    @mutant("sync", caught_by="PWR-01")
    def sync_file_range_taken_for_fsync(self: Honest, descriptor: int) -> None:
        """Writes the pages back with sync_file_range(2), which flushes neither the size nor the disk's cache."""
        whole = ctypes.c_int64(0), ctypes.c_int64(0)
        if _libc.sync_file_range(descriptor, *whole, _WAIT_WRITE_WAIT) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    @mutant("sync", caught_by="PWR-01")
    def fdatasync_of_a_number_given_away(self: Honest, descriptor: int) -> None:
        """Duplicates the temp's descriptor, gives the new number to another file with dup2(2), and syncs that."""
        duplicate = os.dup(descriptor)
        try:
            with tempfile.TemporaryFile() as other:
                os.dup2(other.fileno(), duplicate)
            os.fdatasync(duplicate)
        finally:
            os.close(duplicate)

    @mutant("fill_temp", caught_by="PWR-01")
    def dsync_set_too_late(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Sets O_DSYNC on the open temp with fcntl(2), where Linux ignores it, and calls no fsync."""

        def write(descriptor: int) -> None:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_DSYNC)
            self.send(descriptor, data)

        _fill(self, temp, target, write)

    @mutant("fill_temp", caught_by="PWR-01")
    def dsync_on_another_descriptor(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Opens the temp with O_DSYNC, but writes through another descriptor that it opened without."""

        def write(descriptor: int) -> None:
            plain = os.open(temp, os.O_WRONLY | os.O_CLOEXEC)
            try:
                self.send(plain, data)
            finally:
                os.close(plain)

        _fill(self, temp, target, write, os.O_DSYNC | os.O_CLOEXEC)

    def _write_mapped(descriptor: int, data: bytes, length: int, flags: int) -> None:
        """Fill a file through a memory map, and call msync(2) for its first bytes. Raises OSError."""
        os.posix_fallocate(descriptor, 0, len(data))
        with mmap.mmap(descriptor, len(data)) as mapped:
            mapped[:] = data
            pages = ctypes.c_char.from_buffer(mapped)
            failed = _libc.msync(ctypes.byref(pages), ctypes.c_size_t(length), flags) != 0
            number = ctypes.get_errno()
            del pages  # or the map cannot be closed
            if failed:
                raise OSError(number, os.strerror(number))

    @mutant("fill_temp", caught_by="PWR-01")
    def msync_that_does_not_wait(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills the temp through a memory map and syncs it with MS_ASYNC, which only schedules it."""
        _fill(self, temp, target, lambda descriptor: _write_mapped(descriptor, data, len(data), _MS_ASYNC))

    @mutant("fill_temp", caught_by="PWR-01")
    def msync_of_the_first_page(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills the temp through a memory map and syncs one page of it, however many there are."""
        length = min(len(data), mmap.PAGESIZE)
        _fill(self, temp, target, lambda descriptor: _write_mapped(descriptor, data, length, _MS_SYNC))
