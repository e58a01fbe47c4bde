"""The writer: a document is published whole, by one rename, or not at all.

The steps of one write: validate and serialise; find the target; create a temp in the
target's folder; write all bytes; fsync; close; replace; fsync the folder. A failure before the replace leaves
the target as it was and no temp; a ``KeyboardInterrupt`` between any two bytecodes leaves it old or new, and
no temp. Hard links to the old file keep the old bytes; extended attributes and access lists are not copied.
"""

import errno
import json
import os
import stat
from contextlib import suppress
from typing import Any

from pulse._descriptors import use_descriptor
from pulse._platform import system
from pulse._temps import sweep, temp_name
from pulse.status import SIZE_LIMIT, InvalidStatus, TrainingStatus, encode

__all__ = [
    "atomic_write_json",
    "write_done_status",
    "write_error_status",
    "write_idle_status",
    "write_running_status",
    "write_training_status",
]

StrPath = str | os.PathLike[str]


def atomic_write_json(
    path: StrPath,
    data: dict[str, Any],
    indent: int | str | None = 2,
    ensure_ascii: bool = False,
    *,
    durable: bool = True,
) -> None:
    """Write any JSON object to ``path`` atomically.

    Args:
        path: the target. A symbolic link is followed, and what it points at is replaced.
        data: the object. Everything in it must be JSON: no NaN, no lone surrogate, no other types.
        indent: as for :func:`json.dumps`.
        ensure_ascii: as for :func:`json.dumps`.
        durable: whether to fsync the folder too, so that an acknowledged write survives a power cut. The data
            is always fsynced before it is published.

    Raises:
        InvalidStatus: a ``ValueError``; ``data`` cannot be written, or takes over 1 MiB. Nothing was touched.
        OSError: the system's own error, with a note that says what became of the target.
    """
    if not isinstance(data, dict):
        raise InvalidStatus(f"data must be a dict, not {type(data).__name__}")
    try:
        document = json.dumps(data, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidStatus(f"data cannot be written as JSON: {error}") from error
    if len(document) > SIZE_LIMIT:
        raise InvalidStatus(f"{len(document)} bytes are more than {SIZE_LIMIT}: shorten it")
    _publish(path, document, durable)


def write_training_status(
    path: StrPath,
    status: str,
    epoch: float = 0.0,
    total_epochs: float = 0.0,
    loss: float = 0.0,
    message: str = "",
    timestamp: int | None = None,
    *,
    durable: bool = True,
) -> None:
    """Write one status to ``path`` atomically.

    The members are those of :meth:`pulse.status.TrainingStatus.create`; ``path``, ``durable`` and the errors
    are those of :func:`atomic_write_json`.
    """
    members = TrainingStatus.create(status, epoch, total_epochs, loss, message, timestamp)
    _publish(path, encode(members), durable)


def write_idle_status(path: StrPath, message: str = "Waiting to start...") -> None:
    """Write the status of a job that has not started.

    Errors as :func:`atomic_write_json`.
    """
    write_training_status(path, "idle", message=message)


def write_running_status(path: StrPath, epoch: float, total_epochs: float, loss: float, message: str) -> None:
    """Write the status of a running job.

    Errors as :func:`atomic_write_json`.
    """
    write_training_status(path, "running", epoch, total_epochs, loss, message)


def write_done_status(
    path: StrPath, epoch: float, total_epochs: float, loss: float, message: str = "Training completed"
) -> None:
    """Write the status of a job that has completed.

    Errors as :func:`atomic_write_json`.
    """
    write_training_status(path, "done", epoch, total_epochs, loss, message)


def write_error_status(path: StrPath, epoch: float, total_epochs: float, loss: float, message: str) -> None:
    """Write the status of a job that has failed; ``message`` says why.

    Errors as :func:`atomic_write_json`.
    """
    write_training_status(path, "error", epoch, total_epochs, loss, message)


def _publish(path: StrPath, document: bytes, durable: bool) -> None:
    """Publish ``document`` at ``path``, in place of any file there."""
    published = False
    try:
        target, before = _resolve(path)
        folder, separator, base = target.rpartition(os.sep)
        folder += separator  # "/" is a folder too
        temp = folder + temp_name(base)
        pending = [temp]
        # Two levels: the outer one finishes the clean-up when an interrupt arrives inside the inner one. Just
        # after the replace, that unlinks a random name that no file has; a success never does (VIS-04).
        try:
            try:
                use_descriptor(
                    os.open, (temp, system.CREATE_FLAGS, system.creation_mode(before)), _fill, document, before
                )
                system.replace(temp, target)
            except FileExistsError as error:
                if error.filename2 is None:  # not from the rename: the temp's name is taken by another file (VIS-03)
                    pending.clear()
                raise
            except BaseException:
                _discard(pending)
                raise
        except BaseException:
            _discard(pending)
            raise
        published = True
        if durable:
            system.sync_folder(folder)
        sweep(folder, base)
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(path)
        error.add_note(
            f"pulse: the new document is at {os.fspath(path)!r}, but it may not survive a power cut yet"
            if published
            else f"pulse: could not write {os.fspath(path)!r}; what was there before is unchanged"
        )
        raise


def _resolve(path: StrPath) -> tuple[str, os.stat_result | None]:
    """Find the target once, when the write starts: its absolute path and, if it exists, its ``stat`` result.

    Raises:
        IsADirectoryError: it is a folder.
        OSError: it is not a regular file or is a loop of links, or there is no access.
    """
    target = system.absolute(os.fsdecode(path))
    try:
        before = os.stat(target, follow_symlinks=False)
        if stat.S_ISLNK(before.st_mode):
            target = os.path.realpath(target)
            before = os.stat(target)  # following again makes a loop of links fail here, as ELOOP
    except FileNotFoundError:
        return target, None
    if stat.S_ISREG(before.st_mode):
        return target, before
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    raise OSError(errno.EINVAL, "not a regular file, so it is not replaced", target)


def _fill(descriptor: int, document: bytes, before: os.stat_result | None) -> None:
    """Give the empty temp its attributes and all its bytes, and sync it.

    Attributes come first: users who may not read the target may not read the temp either (MET-01).
    """
    if before is not None:
        system.keep_attributes(descriptor, before)
    rest = document
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, "the system accepted no bytes")
        rest = rest[written:]
    os.fsync(descriptor)  # never retried: after a failed fsync the kernel may have dropped the bytes (FLT-04)


def _discard(pending: list[str]) -> None:
    """Remove the temp of a failed write, once; a failure here must not hide the first error (FLT-08)."""
    if pending:
        with suppress(OSError):
            system.remove(pending[0])
        pending.clear()
