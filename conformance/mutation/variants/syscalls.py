"""Writers that reach the same result with other system calls: their traces are unusual but correct."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import SENDING, SYNCING, WAY_OF_WRITING, variant


@variant("replace", doubted_by=WAY_OF_WRITING)
def temp_renamed_when_complete(self: Honest, temp: str, target: str) -> None:
    """Renames the complete temp to a second name, and that onto the target."""
    complete = self.temp_name(target)
    try:
        os.rename(temp, complete)
        Honest.replace(self, complete, target)
    except BaseException:
        self.discard(complete)
        raise


if sys.platform != "win32":
    _NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

    def fill(
        self: Honest, temp: str, target: str, send: Callable[[int], None], sync: Callable[[int], None], flags: int
    ) -> None:
        """`Honest.fill_temp` with other flags, and another way to write and to sync."""
        with closing(os.open(temp, _NEW_FILE | flags, 0o666)) as descriptor:
            send(descriptor)
            self.keep_metadata(temp, target)
            sync(descriptor)

    def no_more(descriptor: int) -> None:
        """Do nothing: the data is on the disk already."""

    @variant("fill_temp", doubted_by=SYNCING)
    def opened_with_o_dsync(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Opens the temp with O_DSYNC, so that every write is on the disk when it returns, and calls no fsync."""
        fill(self, temp, target, lambda descriptor: self.send(descriptor, data), no_more, os.O_WRONLY | os.O_DSYNC)

    @variant("fill_temp", doubted_by=SYNCING)
    def opened_with_o_sync(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Opens the temp with O_SYNC, so that every write is on the disk when it returns, and calls no fsync."""
        fill(self, temp, target, lambda descriptor: self.send(descriptor, data), no_more, os.O_WRONLY | os.O_SYNC)

    @variant("send", doubted_by=SENDING)
    def gathered_pieces(self: Honest, descriptor: int, data: bytes) -> None:
        """Writes eight pieces of 1000 bytes with each writev(2), and goes on where a short one ended."""
        start = 0
        while start < len(data):
            pieces = [data[at : at + 1000] for at in range(start, min(start + 8000, len(data)), 1000)]
            start += os.writev(descriptor, pieces)

    @variant("send", doubted_by=SENDING)
    def backwards(self: Honest, descriptor: int, data: bytes) -> None:
        """Writes the last 5000 bytes first and the first ones last, with pwrite(2)."""
        for start in range((len(data) - 1) // 5000 * 5000, -1, -5000):
            at, end = start, min(start + 5000, len(data))
            while at < end:
                at += os.pwrite(descriptor, data[at:end], at)

    @variant("send", doubted_by=SENDING)
    def through_a_duplicate(self: Honest, descriptor: int, data: bytes) -> None:
        """Writes through a duplicate of the temp's descriptor and closes it before the original is synced."""
        with closing(os.dup(descriptor)) as duplicate:
            Honest.send(self, duplicate, data)

    @variant("fill_temp", doubted_by=SYNCING)
    def synced_by_a_fresh_descriptor(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Closes the temp and syncs it through a new descriptor that is open for reading only."""

        def write_and_sync(descriptor: int) -> None:
            self.send(descriptor, data)
            # Before the temp gets the target's mode, which may not let its owner read.
            with closing(os.open(temp, os.O_RDONLY | os.O_CLOEXEC)) as fresh:
                self.sync(fresh)

        fill(self, temp, target, write_and_sync, no_more, os.O_WRONLY)

    @variant("guard", doubted_by=("FLT-*", "KIL-*"))
    @contextlib.contextmanager
    def interrupts_wait(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Blocks SIGINT while it writes, so that the caller gets it right afterwards."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


if sys.platform == "linux":
    import mmap

    _NOT_OFFERED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV)
    # The C library's own mmap: Python's keeps a duplicate of the descriptor and never reports that its close failed.
    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.mmap.restype = ctypes.c_void_p
    _MAP_FAILED = ctypes.c_void_p(-1).value
    _MS_SYNC = 4

    def _called(function: Any, *arguments: Any) -> None:
        """Call a function of the C library, and again when it is interrupted. Raises OSError."""
        while function(*arguments) != 0:
            number = ctypes.get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))

    @variant("sync", doubted_by=SYNCING)
    def data_synced_only(self: Honest, descriptor: int) -> None:
        """Syncs the temp with fdatasync(2), which leaves out its times but not its size."""
        os.fdatasync(descriptor)

    @variant("sync", doubted_by=SYNCING)
    def temp_synced_with_its_file_system(self: Honest, descriptor: int) -> None:
        """Syncs the whole file system with syncfs(2) instead of the temp."""
        _called(_libc.syncfs, descriptor)

    @variant("sync_folder", doubted_by=SYNCING)
    def folder_synced_with_its_file_system(self: Honest, target: str) -> None:
        """Syncs the whole file system with syncfs(2) instead of the folder."""
        with closing(os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
            _called(_libc.syncfs, folder)

    @variant("fill_temp", doubted_by=SYNCING)
    def each_write_flagged_dsync(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Asks each pwritev2(2) for synced data (RWF_DSYNC), and calls no fsync."""

        def write(descriptor: int) -> None:
            start = 0
            while start < len(data):
                start += os.pwritev(descriptor, [data[start:]], start, os.RWF_DSYNC)

        fill(self, temp, target, write, no_more, os.O_WRONLY)

    def _part(mapped: ctypes.c_void_p, start: int, length: int) -> tuple[ctypes.c_void_p, ctypes.c_size_t, int]:
        """The arguments of msync(2) for a part of a mapping."""
        return ctypes.c_void_p((mapped.value or 0) + start), ctypes.c_size_t(length), _MS_SYNC

    def _fill_mapped(
        self: Honest, temp: str, target: str, data: bytes, synced: Callable[[ctypes.c_void_p, int], None]
    ) -> None:
        """Fill the temp through a shared memory map, which ``synced`` syncs."""

        def copy(descriptor: int) -> None:
            # Reserve space for every page first: touching a page without any kills the process with SIGBUS.
            os.posix_fallocate(descriptor, 0, len(data))
            size, protection = ctypes.c_size_t(len(data)), mmap.PROT_READ | mmap.PROT_WRITE
            address = _libc.mmap(None, size, protection, mmap.MAP_SHARED, descriptor, ctypes.c_long(0))
            if address in (None, _MAP_FAILED):
                raise OSError(ctypes.get_errno(), "the temp cannot be mapped", temp)
            mapped = ctypes.c_void_p(address)
            try:
                ctypes.memmove(mapped, data, len(data))
                synced(mapped, len(data))
            finally:
                _libc.munmap(mapped, size)

        fill(self, temp, target, copy, no_more, os.O_RDWR)

    @variant("fill_temp", doubted_by=WAY_OF_WRITING)
    def mapped_and_synced(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills the temp through a shared memory map and syncs that with msync(2): no write, no fsync."""
        _fill_mapped(self, temp, target, data, lambda mapped, length: _called(_libc.msync, *_part(mapped, 0, length)))

    @variant("fill_temp", doubted_by=SYNCING)
    def mapped_and_synced_by_pages(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills the temp through a shared memory map and calls msync(2) for each of its pages, the last one first."""

        def synced(mapped: ctypes.c_void_p, length: int) -> None:
            for start in reversed(range(0, length, mmap.PAGESIZE)):
                _called(_libc.msync, *_part(mapped, start, min(mmap.PAGESIZE, length - start)))

        _fill_mapped(self, temp, target, data, synced)

    @variant("send", doubted_by=SENDING)
    def room_reserved_first(self: Honest, descriptor: int, data: bytes) -> None:
        """Reserves space for the whole document with fallocate(2) and then writes it."""
        try:
            os.posix_fallocate(descriptor, 0, len(data))
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
        Honest.send(self, descriptor, data)

    def _copied(self: Honest, source: int, descriptor: int, data: bytes, copy: Callable[[int], int]) -> None:
        """Put the document into ``source`` and have the kernel ``copy`` what follows an offset, until all is there."""
        Honest.send(self, source, data)
        done = 0
        while done < len(data):
            try:
                copied = copy(done)
            except OSError as error:
                if error.errno not in _NOT_OFFERED:
                    raise
                Honest.send(self, descriptor, data[done:])
                return
            if copied == 0:
                raise OSError(errno.EIO, "the source ended too early")
            done += copied

    @variant("send", doubted_by=SENDING)
    def copied_from_memory(self: Honest, descriptor: int, data: bytes) -> None:
        """Copies from a file in memory with copy_file_range(2), which many systems refuse between file systems."""
        size = len(data)
        with closing(os.memfd_create("document")) as source:
            _copied(self, source, descriptor, data, lambda at: os.copy_file_range(source, descriptor, size - at, at))

    @variant("send", doubted_by=SENDING)
    def sent_from_memory(self: Honest, descriptor: int, data: bytes) -> None:
        """Copies from a file in memory with sendfile(2)."""
        with closing(os.memfd_create("document")) as source:
            _copied(self, source, descriptor, data, lambda at: os.sendfile(descriptor, source, at, len(data) - at))

    @variant("fill_temp", doubted_by=SENDING)
    def copied_from_an_unnamed_file(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Copies from an unnamed file in the same folder (O_TMPFILE) with copy_file_range(2)."""
        try:
            unnamed = os.open(os.path.dirname(temp), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in (*_NOT_OFFERED, errno.EISDIR):
                raise
            Honest.fill_temp(self, temp, target, data)
            return

        def send(descriptor: int) -> None:
            size = len(data)
            _copied(self, source, descriptor, data, lambda at: os.copy_file_range(source, descriptor, size - at, at))

        with closing(unnamed) as source:
            fill(self, temp, target, send, self.sync, os.O_WRONLY)

    @variant("send", doubted_by=SENDING)
    def spliced_through_a_pipe(self: Honest, descriptor: int, data: bytes) -> None:
        """Writes into a pipe and moves that into the temp with splice(2)."""
        reading, writing = os.pipe()
        with closing(reading), closing(writing):
            start = 0
            while start < len(data):
                waiting = os.write(writing, data[start : start + 4096])
                start += waiting
                while waiting > 0:
                    waiting -= os.splice(reading, descriptor, waiting)

    # By its number, because the C library turns a renameat2(2) without a flag into a renameat(2).
    _RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276}

    @variant("replace", doubted_by=WAY_OF_WRITING)
    def renamed_by_renameat2(self: Honest, temp: str, target: str) -> None:
        """Renames with renameat2(2) without a flag, relative to the folder's descriptor."""
        folder_path, name = os.path.split(target)
        number = _RENAMEAT2.get(os.uname().machine)
        if number is None:
            Honest.replace(self, temp, target)
            return
        old, new = os.fsencode(os.path.basename(temp)), os.fsencode(name)
        folder = os.open(folder_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _called(_libc.syscall, ctypes.c_long(number), folder, old, folder, new, 0)
        finally:
            with contextlib.suppress(OSError):  # the target is replaced, or the error says why it is not
                os.close(folder)

    def _umask() -> int:
        """The umask from proc(5): umask(2) would have to change it for all threads."""
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))

    @variant("fill_temp", doubted_by=(*WAY_OF_WRITING, "MET-*"))
    def closed_to_others_while_written(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Creates the temp with the mode 0600 and opens it to others when it is complete."""
        try:
            os.getxattr(os.path.dirname(temp), "system.posix_acl_default")
        except OSError:
            pass
        else:  # the folder has its own idea of who may open new files; the umask does not count there (umask(2))
            Honest.fill_temp(self, temp, target, data)
            return
        with closing(os.open(temp, os.O_WRONLY | _NEW_FILE, 0o600)) as descriptor:
            self.send(descriptor, data)
            os.fchmod(descriptor, 0o666 & ~_umask())
            self.keep_metadata(temp, target)
            self.sync(descriptor)
