"""The writer: a document is published whole, by one rename, or not at all.

The steps of one write: validate and serialise; find the target; create a temp in the target's folder; write all bytes;
give it the target's owner, group, access list, attributes and mode; fsync; close; replace; fsync the folder. A failure
before the replace leaves the target as it was and no temp; a ``KeyboardInterrupt`` between any two bytecodes leaves it
old or new, and no temp. Hard links to the old file keep the old bytes.
"""

import errno
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pulse._descriptors import use_descriptor
from pulse._platform import system
from pulse._temps import sweep, temp_name
from pulse.status import SIZE_LIMIT, InvalidStatus, TrainingStatus, encode

__all__ = [
    "atomic_write_json",
    "publish",
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
        InvalidStatus: a ``ValueError``; ``data`` cannot be written, or takes over 1 MiB, or no file can have this path
            (it contains a NUL or a lone surrogate). Nothing was touched.
        OSError: the system's own error, about ``path``, with a note that says what became of the target.
        TypeError: ``path`` is not a path at all.
    """
    if not isinstance(data, dict):
        raise InvalidStatus(f"data must be a dict, not {type(data).__name__}")
    try:
        document = json.dumps(data, indent=indent, ensure_ascii=ensure_ascii, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidStatus(f"data cannot be written as JSON: {error}") from error
    if len(document) > SIZE_LIMIT:
        raise InvalidStatus(f"{len(document)} bytes are more than {SIZE_LIMIT}: shorten it")
    publish(path, document, durable=durable)


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
    publish(path, encode(members), durable=durable)


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


def publish(path: StrPath, document: bytes, *, durable: bool, before_replace: Callable[[], None] | None = None) -> None:
    """Publish ``document`` at ``path``, in place of any file there.

    Args:
        path: as for :func:`atomic_write_json`, and so are ``durable`` and the errors.
        document: the bytes, whatever they are.
        before_replace: called when only the replace is left to do; what it raises stops the write.
    """
    published = False
    try:
        target, before, extended = _resolve(path)
        folder, separator, base = target.rpartition(os.sep)
        folder += separator  # "/" is a folder too
        temp = folder + temp_name(base)
        pending = [temp]
        # Two levels: the outer one finishes the clean-up when an interrupt arrives inside the inner one. Just
        # after the replace, that unlinks a random name that no file has; a success never does (VIS-04).
        try:
            try:
                mode = system.creation_mode(before, extended)
                use_descriptor(os.open, (temp, system.CREATE_FLAGS, mode), _fill, document, before, extended)
                if before_replace is not None:
                    before_replace()
                system.replace(temp, target)
            except FileExistsError as error:
                if error.filename2 is None:  # not from the rename: the temp's name is taken by another file (VIS-03)
                    pending.clear()
                    error.add_note(f"pulse: another program has made {temp!r}, which was to be the temp")
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
        error.filename = os.fspath(path)  # the caller knows nothing of a temp
        del error.filename2
        error.add_note(
            f"pulse: the new document is at {os.fspath(path)!r}, but it may not survive a power cut yet"
            if published
            else f"pulse: could not write {os.fspath(path)!r}; what was there before is unchanged"
        )
        raise


def _resolve(path: StrPath) -> tuple[str, os.stat_result | None, dict[str, bytes]]:
    """Find the target once, when the write starts.

    Returns:
        Its absolute path and, if it exists, its ``stat`` result and the extended attributes to keep.

    Raises:
        InvalidStatus: no file can have this path.
        IsADirectoryError: it is a folder.
        OSError: it is not a regular file, is an open file rather than a name, is a loop of links or another user's link
            that must not be followed, or there is no access.
    """
    try:
        target = system.absolute(os.fsdecode(path))
        try:
            before = os.stat(target, follow_symlinks=False)
            if stat.S_ISLNK(before.st_mode):
                target = system.follow_link(target)
                before = os.stat(target, follow_symlinks=False)
            if stat.S_ISREG(before.st_mode):
                return target, before, system.extended_attributes(target)
        except FileNotFoundError:
            return target, None, {}
    except ValueError as error:
        raise InvalidStatus(f"no file can have the path {os.fspath(path)!a}: {error}") from error
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "not a regular file, so it is not replaced")


def _fill(descriptor: int, document: bytes, before: os.stat_result | None, extended: dict[str, bytes]) -> None:
    """Give the empty temp all its bytes and then its attributes, and sync it.

    Attributes come last: a write by a user other than root clears the bits suid and sgid. Until then the temp is no
    more open than the target (``system.creation_mode``).
    """
    rest = document
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, "the system accepted no bytes")
        rest = rest[written:]
    if before is not None:
        system.keep_attributes(descriptor, before, extended)
    os.fsync(descriptor)  # never retried: after a failed fsync the kernel may have dropped the bytes (FLT-04)


def _discard(pending: list[str]) -> None:
    """Remove the temp of a failed write, once; a failure here must not hide the first error (FLT-08)."""
    if pending:
        with suppress(OSError):
            system.remove(pending[0])
        pending.clear()
