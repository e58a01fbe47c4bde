"""Defects between two system calls and in calls of the C library: most of them show only in a trace of the calls.

Python restarts a call that a signal interrupted (PEP 475), so the writers that do not restart it call the C library.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from conformance.mutation.contexts import closing, handled_by
from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("replace", caught_by="VIS-05")
def folder_in_its_place_for_a_moment(self: Honest, temp: str, target: str) -> None:
    """Takes a folder of the target's name for a lock: mkdir, of two writers, works for one only."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    os.mkdir(target)
    os.rmdir(target)
    Honest.replace(self, temp, target)


@mutant("replace", caught_by="VIS-05")
def renamed_away_and_back(self: Honest, temp: str, target: str) -> None:
    """Renames the old document away and back before the replace, to check that it is allowed to."""
    aside = self.temp_name(target)
    with contextlib.suppress(FileNotFoundError):
        os.rename(target, aside)
        os.rename(aside, target)
    os.replace(temp, target)


@mutant("replace", caught_by="FLT-06")
def copy_when_not_permitted(self: Honest, temp: str, target: str) -> None:
    """Copies onto the target when the rename fails with EPERM."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        shutil.copyfile(temp, target)
        os.unlink(temp)


@mutant("publish", caught_by="FLT-09")
def temp_made_before_the_try(self: Honest, path: str, data: bytes) -> None:
    """Creates the temp one line before the `try` that removes it, so that an interrupt in between leaves it behind."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    descriptor = self.create(temp)
    try:
        with closing(descriptor):
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise
    self.sync_folder(target)


@mutant("guard", caught_by="FLT-09")
@contextlib.contextmanager
def interrupt_ignored_while_writing(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
    """Ignores SIGINT during a write, so that the caller never gets it."""
    with handled_by(signal.SIGINT, signal.SIG_IGN) if writing else contextlib.nullcontext():
        yield


@mutant("guard", caught_by="FLT-09")
@contextlib.contextmanager
def interrupt_ends_the_process(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
    """Handles SIGINT by ending the process at once, even when a temp exists."""

    def end(number: int, frame: object) -> NoReturn:
        os._exit(128 + number)

    with handled_by(signal.SIGINT, end) if writing else contextlib.nullcontext():
        yield


# Windows does not rename an open file, nor a link onto another link to the same file.
if sys.platform != "win32":

    def _publish_open(self: Honest, path: str, write: Callable[[int], None], finish: Callable[[int], None]) -> None:
        """`Honest.publish`, but the temp stays open: ``write`` runs before the rename, ``finish`` after it."""
        target = self.resolve(path)
        temp = self.temp_name(target)
        with contextlib.ExitStack() as opened:
            try:
                descriptor = self.create(temp)
                opened.callback(os.close, descriptor)
                write(descriptor)
                self.keep_metadata(temp, target)
                self.sync(descriptor)
                self.replace(temp, target)
            except BaseException:
                self.discard(temp)
                raise
            finish(descriptor)
            self.sync(descriptor)
        self.sync_folder(target)

    @mutant("publish", caught_by="VIS-05")
    def filled_after_the_rename(self: Honest, path: str, data: bytes) -> None:
        """Renames the temp when it holds half of the document, and writes the rest through the open descriptor."""
        half = len(data) // 2
        _publish_open(
            self,
            path,
            lambda descriptor: self.send(descriptor, data[:half]),
            lambda descriptor: self.send(descriptor, data[half:]),
        )

    @mutant("publish", caught_by="KIL-01")
    def cut_after_the_rename(self: Honest, path: str, data: bytes) -> None:
        """Renames the temp with space reserved for a longer document, and truncates it afterwards."""

        def write(descriptor: int) -> None:
            self.send(descriptor, data)
            os.ftruncate(descriptor, len(data) + 4096)

        _publish_open(self, path, write, lambda descriptor: os.ftruncate(descriptor, len(data)))

    @mutant("publish", caught_by="VIS-01")
    def hard_link_of_the_target_as_temp(self: Honest, path: str, data: bytes) -> None:
        """Makes the temp a hard link to the target: writing to it writes the target, and the rename does nothing."""
        target = self.resolve(path)
        if not os.path.exists(target):
            Honest.publish(self, path, data)
            return
        temp = self.temp_name(target)
        try:
            os.link(target, temp)
            with open(temp, "r+b") as file:
                file.write(data)
                file.truncate()
                os.fsync(file.fileno())
            os.rename(temp, target)
        finally:
            self.discard(temp)
        self.sync_folder(target)


if sys.platform == "linux":
    import mmap

    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.write.restype = ctypes.c_ssize_t
    _PIECE = 4096

    def _failure() -> OSError:
        number = ctypes.get_errno()
        return OSError(number, os.strerror(number))

    def _written(descriptor: int, piece: bytes) -> int:
        """Call write(2) once and return how many bytes it took. Raises OSError, including InterruptedError."""
        count = int(_libc.write(descriptor, piece, ctypes.c_size_t(len(piece))))
        if count < 0:
            raise _failure()
        return count

    @mutant("send", caught_by="FLT-07")
    def interrupted_write_fails(self: Honest, descriptor: int, data: bytes) -> None:
        """Treats EINTR from write(2) as a failure."""
        start = 0
        while start < len(data):
            start += _written(descriptor, data[start : start + _PIECE])

    @mutant("send", caught_by="VIS-06")
    def interrupted_write_loses_bytes(self: Honest, descriptor: int, data: bytes) -> None:
        """Goes on with the next piece after EINTR from write(2), as if the interrupted one had been written."""
        start = 0
        while start < len(data):
            try:
                start += _written(descriptor, data[start : start + _PIECE])
            except InterruptedError:
                start += _PIECE

    @mutant("sync", caught_by="FLT-07")
    def interrupted_fsync_fails(self: Honest, descriptor: int) -> None:
        """Treats EINTR from fsync(2) as a failure."""
        if _libc.fsync(descriptor) != 0:
            raise _failure()

    @mutant("close", caught_by="FLT-07")
    def closed_twice_when_interrupted(self: Honest, descriptor: int) -> None:
        """Closes again after EINTR from close(2), although the number may be another thread's file by then."""
        if _libc.close(descriptor) == 0:
            return
        failure = _failure()
        if failure.errno != errno.EINTR:
            raise failure
        _libc.close(descriptor)

    @mutant("close", caught_by="FLT-05")
    def close_unchecked_in_c(self: Honest, descriptor: int) -> None:
        """Calls the C library's close and ignores what it returns."""
        _libc.close(descriptor)

    @mutant("fill_temp", caught_by="FLT-04")
    def msync_error_swallowed(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills the temp through a memory map and goes on when msync fails."""
        descriptor = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            os.posix_fallocate(descriptor, 0, len(data))
            with mmap.mmap(descriptor, len(data)) as mapped:
                mapped[:] = data
                with contextlib.suppress(OSError):
                    mapped.flush()
            self.keep_metadata(temp, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)

    @mutant("fill_temp", caught_by="FLT-04")
    def failure_of_a_syncing_child_unseen(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Runs the program `sync` on the temp and does not check whether it succeeded."""
        descriptor = self.create(temp)
        try:
            self.send(descriptor, data)
            subprocess.run(["sync", temp], stdin=subprocess.DEVNULL, check=False)
            self.keep_metadata(temp, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)


@mutant("replace", caught_by="FLT-06")
def written_in_place_when_denied(self: Honest, temp: str, target: str) -> None:
    """Writes the document into the target itself when the rename fails with EACCES."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
        with open(temp, "rb") as source, open(target, "wb") as file:
            file.write(source.read())
        self.discard(temp)


@mutant("publish", caught_by="VIS-01")
def written_in_place_when_files_run_out(self: Honest, path: str, data: bytes) -> None:
    """Writes into the target itself when the system can open no more files (ENFILE)."""
    try:
        Honest.publish(self, path, data)
    except OSError as error:
        if error.errno != errno.ENFILE:
            raise
        with open(path, "wb") as file:
            file.write(data)
