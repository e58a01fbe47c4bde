"""Writers that do the wrong thing when a call fails (clauses FLT)."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@mutant("publish", caught_by="FLT-01")
def rename_error_swallowed(self: Honest, path: str, data: bytes) -> None:
    """Answers ok although the write failed."""
    with contextlib.suppress(OSError):
        Honest.publish(self, path, data)


@mutant("publish", caught_by="FLT-01")
def folder_made_at_the_target(self: Honest, path: str, data: bytes) -> None:
    """Makes the folders of a path after an error, for the next write, and takes the file's own name for one of them."""
    try:
        Honest.publish(self, path, data)
    except OSError:
        with contextlib.suppress(OSError):
            os.makedirs(path)
        raise


@mutant("publish", caught_by="VIS-07")
def no_room_for_long_documents(self: Honest, path: str, data: bytes) -> None:
    """Says that there is no space left for a document of more than 64 KiB, although there is."""
    if len(data) > 1 << 16:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    Honest.publish(self, path, data)


@mutant("publish", caught_by="FLT-01")
def writes_and_answers_io(self: Honest, path: str, data: bytes) -> None:
    """Answers io after it has replaced an older document without any error."""
    existed = os.path.exists(path)
    Honest.publish(self, path, data)
    if existed:
        raise OSError(errno.EIO, "cannot say whether the document was written")


@mutant("publish", caught_by="FLT-01")
def fault_puts_target_in_doubt(self: Honest, path: str, data: bytes) -> None:
    """Writes the target in place after the atomic write failed, and still answers io."""
    try:
        Honest.publish(self, path, data)
    except OSError:
        with open(path, "wb") as file:
            file.write(data)
        raise


@mutant("discard", caught_by="FLT-02")
def temp_leaked_on_failure(self: Honest, temp: str) -> None:
    """Leaves the temp of every failed write behind."""


@mutant("replace", caught_by="FLT-02")
def temp_leaked_when_rename_fails(self: Honest, temp: str, target: str) -> None:
    """Leaves the temp behind when the rename fails, under another name."""
    try:
        os.replace(temp, target)
    except OSError:
        os.rename(temp, f"{temp}.failed.tmp")
        raise


@mutant("publish", caught_by="FLT-02")
def temp_leaked_when_write_fails(self: Honest, path: str, data: bytes) -> None:
    """Cleans up after a failed rename only: the temp stays behind when filling it fails."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    self.fill_temp(temp, target, data)
    try:
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise
    self.sync_folder(target)


@mutant("fill_temp", caught_by="FLT-02")
def descriptor_leaked_on_failure(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Closes the temp only when everything succeeded."""
    descriptor = self.create(temp)
    self.send(descriptor, data)
    self.keep_metadata(temp, target)
    self.sync(descriptor)
    self.close(descriptor)


@mutant("fill_temp", caught_by="FLT-02")
def file_left_to_the_garbage_collector(self: Honest, temp: str, target: str, data: bytes) -> None:
    """After a failed write, leaves the open temp in a reference cycle, for the garbage collector to flush and close."""
    file = open(self.create(temp), "wb", buffering=len(data) + 1)  # noqa: SIM115  # leaving it open is the defect
    try:
        file.write(data)
        file.flush()
        self.keep_metadata(temp, target)
        self.sync(file.fileno())
        file.close()
    except BaseException as error:
        error.add_note("the temp could not be filled")
        cycle: list[object] = [file]
        cycle.append(cycle)
        raise


@mutant("publish", caught_by="FLT-03")
def broken_after_first_failure(self: Honest, path: str, data: bytes) -> None:
    """Fails for ever after one failure."""
    if "broken" in self.memory:
        raise OSError(errno.EIO, "an earlier write failed")
    try:
        Honest.publish(self, path, data)
    except OSError:
        self.memory["broken"] = True
        raise


@mutant("sync", caught_by="FLT-04")
def fsync_error_swallowed(self: Honest, descriptor: int) -> None:
    """Goes on when fsync fails."""
    with contextlib.suppress(OSError):
        os.fsync(descriptor)


@mutant("sync", caught_by="FLT-04")
def fsync_tried_until_it_succeeds(self: Honest, descriptor: int) -> None:
    """Retries a failed fsync, and trusts the later success."""
    for _ in range(10):
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
            return
    os.fsync(descriptor)


@mutant("sync", caught_by="FLT-04")
def fsync_of_a_read_only_disk_ignored(self: Honest, descriptor: int) -> None:
    """Goes on when fsync says that the disk is read-only: there is nothing to be synced on one."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


@mutant("sync", caught_by="FLT-04", on=("linux",))
def file_synced_as_a_folder_is(self: Honest, descriptor: int) -> None:
    """Takes the error of a file system that cannot sync folders for none, of the file too."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


@mutant("close", caught_by="FLT-05")
def close_error_ignored(self: Honest, descriptor: int) -> None:
    """Goes on when close fails."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


@mutant("sync", caught_by="FLT-04", on=("linux",))
def fsync_error_of_a_large_document_ignored(self: Honest, descriptor: int) -> None:
    """Goes on when fsync fails for a document of more than 64 KiB."""
    try:
        os.fsync(descriptor)
    except OSError:
        if os.fstat(descriptor).st_size <= 1 << 16:
            raise


@mutant("close", caught_by="FLT-05", on=("linux",))
def close_error_of_a_large_document_ignored(self: Honest, descriptor: int) -> None:
    """Goes on when close fails for a document of more than 100,000 bytes."""
    large = os.fstat(descriptor).st_size > 100_000
    try:
        os.close(descriptor)
    except OSError:
        if not large:
            raise


@mutant("send", caught_by="VIS-06")
def short_pieces_not_noticed(self: Honest, descriptor: int, data: bytes) -> None:
    """Writes in pieces of 64 KiB, and looks at the count of the last one only, which is no whole one."""
    rest = memoryview(data)
    while rest:
        piece = rest[: 1 << 16]
        taken = os.write(descriptor, piece)
        rest = rest[len(piece) if len(piece) == 1 << 16 else taken :]


@mutant("replace", caught_by="FLT-06")
def copy_between_file_systems(self: Honest, temp: str, target: str) -> None:
    """Copies onto the target when the rename fails with EXDEV, as `shutil.move` does."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(temp, target)
        os.unlink(temp)


@mutant("replace", caught_by="FLT-06")
def copy_when_busy(self: Honest, temp: str, target: str) -> None:
    """Copies onto the target when the rename fails with EBUSY."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(temp, target)
        os.unlink(temp)


@mutant("replace", caught_by="FLT-06", on=("linux",))
def linked_where_rename_is_missing(self: Honest, temp: str, target: str) -> None:
    """Removes the target and links the temp to its name where the system knows no rename."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        os.unlink(target)
        os.link(temp, target)
        os.unlink(temp)


@mutant("replace", caught_by="FLT-06", on=("linux",))
def first_document_copied_between_file_systems(self: Honest, temp: str, target: str) -> None:
    """Copies when the rename fails with EXDEV and there is no target: nothing there could be torn."""
    try:
        os.replace(temp, target)
    except OSError as error:
        if error.errno != errno.EXDEV or os.path.lexists(target):
            raise
        shutil.copyfile(temp, target)
        os.unlink(temp)


@mutant("replace", caught_by="VIS-01", on=("linux",))
def first_document_copied_without_hard_links(self: Honest, temp: str, target: str) -> None:
    """Links a first document to its name, and copies it where the file system has no hard links."""
    if os.path.lexists(target):
        os.replace(temp, target)
        return
    try:
        os.link(temp, target)
    except PermissionError as error:
        if error.errno != errno.EPERM:
            raise
        shutil.copyfile(temp, target)
    os.unlink(temp)


@mutant("discard", caught_by="FLT-08")
def clean_up_hides_first_error(self: Honest, temp: str) -> None:
    """Lets an error in the clean-up replace the error that made it necessary."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temp)


@mutant("publish", caught_by="FLT-09")
def clean_up_on_exception_only(self: Honest, path: str, data: bytes) -> None:
    """Cleans up only after `Exception`, which KeyboardInterrupt is not."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    try:
        self.fill_temp(temp, target, data)
        self.replace(temp, target)
    except Exception:
        self.discard(temp)
        raise
    self.sync_folder(target)


@mutant("discard", caught_by="FLT-10")
def temp_leaked_when_disk_is_full(self: Honest, temp: str) -> None:
    """Leaves the temp behind, with the part of the document that fitted on a full disk."""
    error = sys.exception()
    if not isinstance(error, OSError) or error.errno not in _FULL:
        Honest.discard(self, temp)


@mutant("publish", caught_by="FLT-10")
def in_place_when_disk_is_full(self: Honest, path: str, data: bytes) -> None:
    """Writes in place on a full disk, because that frees the old document's space."""
    try:
        Honest.publish(self, path, data)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        with open(path, "wb") as file:
            file.write(data)
