"""The honest base: a small, correct writer and reader, made of parts that mutants and variants replace one at a time.

It shares no code with the reference or the oracle. Each method is one step and says what the step is for.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import ntpath
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from conformance.system.share_modes import open_shared

__all__ = ["DEFAULTS", "MEMBERS", "STATUSES", "Honest", "sync_folder"]

MEMBERS = ("status", "epoch", "total_epochs", "loss", "message", "timestamp")
STATUSES = ("idle", "running", "done", "error")
DEFAULTS = {"epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": ""}
Result = TypeVar("Result")
SIZE_LIMIT = 1024 * 1024  # bytes
TIMESTAMP_LIMIT = 2**53 - 1  # seconds
# Flags that not every system has: no translation of line ends, no waiting for the other end of a FIFO.
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)

if sys.platform == "win32":
    _PATIENCE, _READERS_PATIENCE = 1.5, 0.25  # seconds
    _HELD = (5, 32)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION
    _DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"})
    _PLAIN_PATH = 200  # characters; with a temp's name it stays below the 260 that every call accepts

    def replace_patiently(temp: str, target: str) -> None:
        """os.replace, retried while another process holds the target. Raises OSError."""
        try_patiently(lambda: os.replace(temp, target), target, _PATIENCE)

    def try_patiently(action: Callable[[], Result], path: str, seconds: float) -> Result:
        """Run ``action``, retrying while another process holds ``path``. Raises OSError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return action()
            except PermissionError as error:
                held = getattr(error, "winerror", None) in _HELD and not os.path.isdir(path)
                if not held or time.monotonic() > deadline:
                    raise
                time.sleep(0.005 * (1 + os.urandom(1)[0] % 4))

    def open_to_read(path: str) -> int:
        """Open a file so that other processes may replace or delete it meanwhile. Raises OSError."""
        return try_patiently(lambda: open_shared(path), path, _READERS_PATIENCE)

    def whole_path(path: str) -> str:
        r"""The absolute path, with ``\\?\`` when long. Raises OSError for a name that Windows would not keep."""
        name = ntpath.basename(path)
        if name.endswith((".", " ")) or ":" in name or name.partition(".")[0].upper() in _DEVICES:
            raise OSError(errno.EINVAL, "Windows resolves this name to something else", path)
        whole = os.path.realpath(path)
        return f"\\\\?\\{whole}" if len(whole) > _PLAIN_PATH and whole[1:3] == ":\\" else whole

    def keep_owner_and_mode(temp: str, target: str, old: os.stat_result) -> None:
        """Windows has neither."""

    def sync_folder(folder: str) -> None:
        """Windows cannot flush a folder."""

else:
    replace_patiently = os.replace
    whole_path = os.path.realpath

    def open_to_read(path: str) -> int:
        """Open a file without waiting for the other end of a FIFO. Raises OSError."""
        return os.open(path, os.O_RDONLY | _BINARY | _NOT_BLOCKING)

    def keep_owner_and_mode(temp: str, target: str, old: os.stat_result) -> None:
        """Give the temp the owner and the mode of the old file, as far as the system allows, and its access list."""
        with contextlib.suppress(PermissionError):
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(temp, old.st_uid, old.st_gid)
        keep_access_list(temp, target)
        # After chown, which clears the set-user-id bits (chown(2)).
        os.chmod(temp, stat.S_IMODE(old.st_mode))

    if sys.platform == "linux":

        def keep_access_list(temp: str, target: str) -> None:
            """Give the temp the access list of the target, without which the mode would let its group read (acl(5)).

            Raises OSError when it is not known whether there is one.
            """
            try:
                access_list = os.getxattr(target, "system.posix_acl_access")
            except OSError as error:
                if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT):
                    raise
            else:
                os.setxattr(temp, "system.posix_acl_access", access_list)

    else:

        def keep_access_list(temp: str, target: str) -> None:
            """Python has no call for the lists of other systems."""

    def sync_folder(folder: str) -> None:
        """Make the folder's names durable; a file system that cannot is not an error. Raises OSError."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


class Honest:
    """Writer and reader, mode ``python``. Mutants and variants are subclasses with one method replaced."""

    name = "honest"
    version = "1"
    language = "python"

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}  # path → its last valid status
        self.memory: dict[str, Any] = {}  # for the methods of mutants; the honest ones remember nothing else

    # What a request asks for

    def write(self, path: str, status: Mapping[str, Any]) -> None:
        """Publish a status. Raises OSError, and ValueError for a status that the contract does not allow."""
        self.publish(path, self.serialise(self.validate(status)))

    def validate(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """The six members in the contract's types. Raises ValueError."""
        given = self.fill_in(self.accept_names(status))
        numbers = {name: self.accept_number(name, given[name]) for name in ("epoch", "total_epochs", "loss")}
        return {
            "status": self.accept_status(given["status"]),
            **numbers,
            "message": self.accept_message(given["message"]),
            "timestamp": self.accept_timestamp(given["timestamp"]),
        }

    def accept_names(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse unknown members and an absent status."""
        unknown = sorted(status.keys() - set(MEMBERS))
        if unknown or "status" not in status:
            raise ValueError(f"unknown members: {unknown}" if unknown else "status is required")
        return dict(status)

    def fill_in(self, given: dict[str, Any]) -> dict[str, Any]:
        """Absent members take the defaults; an absent timestamp is now."""
        return {"timestamp": int(time.time()), **DEFAULTS, **given}

    def accept_status(self, value: Any) -> Any:
        """One of the four words."""
        if not isinstance(value, str) or value not in STATUSES:
            raise ValueError(f"status is {value!r}; it must be one of {', '.join(STATUSES)}")
        return value

    def accept_number(self, name: str, value: Any) -> Any:
        """A float, or an integer cast to one; finite; only ``loss`` may be negative."""
        if type(value) not in (int, float):
            raise ValueError(f"{name} is {value!r}; it must be a number")
        try:
            number = float(value)
        except OverflowError:
            raise ValueError(f"{name} is too large") from None
        if not math.isfinite(number) or (number < 0 and name != "loss"):
            raise ValueError(f"{name} is {number!r}; it must be finite, and only loss may be negative")
        return number

    def accept_message(self, value: Any) -> Any:
        """A string; lone surrogates are refused where the text is encoded."""
        if not isinstance(value, str):
            raise ValueError("message must be a string")
        return value

    def accept_timestamp(self, value: Any) -> Any:
        """An integer number of seconds from 0 to 2^53-1."""
        if type(value) is not int or not 0 <= value <= TIMESTAMP_LIMIT:
            raise ValueError(f"timestamp is {value!r}; it must be an integer from 0 to 2^53-1")
        return value

    def serialise(self, document: dict[str, Any]) -> bytes:
        """The document's bytes. Raises ValueError (UnicodeEncodeError) for a lone surrogate."""
        return json.dumps(document, ensure_ascii=False).encode("utf-8")

    # How bytes are published

    @contextlib.contextmanager
    def guard(self, path: str, *, writing: bool) -> Iterator[None]:
        """Wraps every read and write. Takes no lock: readers and writers never wait for each other."""
        yield

    def publish(self, path: str, data: bytes) -> None:
        """Make the bytes the target's contents with one replace. Raises OSError; the target is then unchanged."""
        with self.guard(path, writing=True):
            target = self.resolve(path)
            temp = self.temp_name(target)
            try:
                self.fill_temp(temp, target, data)
                self.replace(temp, target)
            except FileExistsError:
                raise  # the temp's name is taken: the file belongs to another writer
            except BaseException:
                self.discard(temp)
                raise
            self.sync_folder(target)

    def resolve(self, path: str) -> str:
        """The absolute path of the file to replace: symbolic links are followed."""
        return whole_path(path)

    def temp_name(self, target: str) -> str:
        """A new name in the target's folder, short enough for any target."""
        return os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.tmp")

    def fill_temp(self, temp: str, target: str, data: bytes) -> None:
        """Create the temp and make it ready to be the target."""
        descriptor = self.create(temp)
        try:
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)

    def create(self, temp: str) -> int:
        """Open the temp exclusively, with the mode that the umask leaves."""
        return os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)

    def send(self, descriptor: int, data: bytes) -> None:
        """Write all bytes, however few the system takes at a time."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def keep_metadata(self, temp: str, target: str) -> None:
        """An existing target keeps its owner and mode."""
        try:
            old = os.stat(target)
        except FileNotFoundError:
            return
        keep_owner_and_mode(temp, target, old)

    def sync(self, descriptor: int) -> None:
        """Put the data on the disk before it gets the target's name."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the temp before the replace: Windows requires it, and close reports deferred errors."""
        os.close(descriptor)

    def replace(self, temp: str, target: str) -> None:
        """The one step that publishes."""
        replace_patiently(temp, target)

    def discard(self, temp: str) -> None:
        """Remove the temp of a failed write, without hiding why it failed."""
        with contextlib.suppress(OSError):
            os.unlink(temp)

    def sync_folder(self, target: str) -> None:
        """Put the new name on the disk before the answer."""
        sync_folder(os.path.dirname(target))

    # What a reader does

    def read(self, path: str) -> dict[str, Any] | None:
        """The six members of a valid document, or None for anything else."""
        with self.guard(path, writing=False):
            data = self.load(path)
        return None if data is None else self.parse(data)

    def load(self, path: str) -> bytes | None:
        """The bytes of a regular file of at most 1 MiB. Never blocks, never raises."""
        try:
            descriptor = open_to_read(path)
        except (OSError, ValueError):
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = b""
            while len(data) <= SIZE_LIMIT and (more := os.read(descriptor, SIZE_LIMIT + 1 - len(data))):
                data += more
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return data if len(data) <= SIZE_LIMIT else None

    def parse(self, data: bytes) -> dict[str, Any] | None:
        """The status in these bytes, or None. Never raises."""
        try:
            return self.check(json.loads(self.decode(data), object_pairs_hook=self.gather))
        except (ValueError, RecursionError):
            return None

    def decode(self, data: bytes) -> str:
        """Strict UTF-8; a byte-order mark stays in the text, where no JSON begins with one."""
        return data.decode("utf-8")

    def gather(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The members of an object, none of them twice."""
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a member occurs twice")
        return members

    def check(self, members: Any) -> dict[str, Any]:
        """The six members of a valid document. Raises ValueError."""
        if not isinstance(members, dict):
            raise ValueError("not an object")
        found = self.check_names(members)
        for name in ("epoch", "total_epochs", "loss"):
            self.check_number(name, found[name])
        self.accept_status(found["status"])
        self.accept_timestamp(found["timestamp"])
        self.accept_message(found["message"]).encode("utf-8")  # refuses lone surrogates
        return found

    def check_names(self, members: dict[str, Any]) -> dict[str, Any]:
        """Exactly the six."""
        if members.keys() != set(MEMBERS):
            raise ValueError("the members are not exactly the six")
        return members

    def check_number(self, name: str, value: Any) -> None:
        """A float token, finite; only ``loss`` may be negative."""
        if type(value) is not float or not math.isfinite(value) or (value < 0 and name != "loss"):
            raise ValueError(f"{name} is {value!r}")

    def poll(self, path: str) -> tuple[dict[str, Any] | None, bool]:
        """The last valid status of this path, and whether it was read just now."""
        found = self.read(path)
        if found is not None:
            self.kept[path] = found
        return self.kept.get(path), found is not None

    def progress(self, status: Mapping[str, Any]) -> float:
        """Per cent, from 0 to 100."""
        if status["total_epochs"] == 0:
            return 0.0
        return min(100.0, max(0.0, float(status["epoch"] / status["total_epochs"] * 100)))
