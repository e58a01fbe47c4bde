"""Writes and reads a training status, written from SPEC.md alone: ``status.py write|read PATH``."""

import contextlib
import errno
import json
import math
import os
import stat
import sys
import time
from typing import Any

STATUSES = ("idle", "running", "done", "error")
NUMBERS = ("epoch", "total_epochs", "loss")
MEMBERS = {"status", *NUMBERS, "message", "timestamp"}
LIMIT = 1 << 20
BINARY = getattr(os, "O_BINARY", 0)
DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)


def decoded(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"$float"}:
        return float(value["$float"])
    return value


def require(condition: bool, why: str) -> None:
    if not condition:
        raise ValueError(why)


def check(document: Any) -> dict[str, Any]:
    require(isinstance(document, dict) and set(document) == MEMBERS, "exactly the six members")
    status: dict[str, Any] = document
    require(isinstance(status["status"], str) and status["status"] in STATUSES, "status")
    for name in NUMBERS:
        value = status[name]
        require(type(value) is float and math.isfinite(value), f"{name}: a finite number")
        require(name == "loss" or value >= 0, f"{name}: not negative")
    require(isinstance(status["message"], str), "message: a string")
    status["message"].encode("utf-8")
    require(type(status["timestamp"]) is int and 0 <= status["timestamp"] < 1 << 53, "timestamp")
    return status


def keep_access_list(path: str, descriptor: int) -> None:
    if sys.platform == "linux":
        try:
            access_list = os.getxattr(path, "system.posix_acl_access")
        except OSError:
            return  # there is none
        os.setxattr(descriptor, "system.posix_acl_access", access_list)


def write(path: str) -> None:
    given = {name: decoded(value) for name, value in json.loads(sys.stdin.buffer.read()).items()}
    for name in NUMBERS:
        if type(given.get(name)) is int:
            given[name] = overflowing_float(given[name])
    defaults = dict.fromkeys(NUMBERS, 0.0) | {"message": "", "timestamp": int(time.time())}
    data = json.dumps(check({**defaults, **given}), ensure_ascii=False).encode("utf-8")
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        old = None
    # Short, because the target's name may have as many bytes as a name may have.
    temp = os.path.join(os.path.dirname(path), f"{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if old is not None and sys.platform != "win32":
                if os.geteuid() == 0:
                    os.chown(descriptor, old.st_uid, old.st_gid)
                keep_access_list(path, descriptor)
                if stat.S_ISREG(old.st_mode):
                    os.chmod(descriptor, stat.S_IMODE(old.st_mode))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temp, path)
    except FileExistsError:
        raise  # the temp's name is taken: the file belongs to another writer
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    if sys.platform != "win32":
        sync_folder(os.path.dirname(path) or ".")


def sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def overflowing_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise ValueError("beyond a double") from error


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    require(len(members) == len(pairs), "a member occurs twice")
    return members


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read(path: str) -> dict[str, Any] | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | DO_NOT_WAIT)
        with os.fdopen(descriptor, "rb") as file:
            require(stat.S_ISREG(os.fstat(descriptor).st_mode), "a regular file")
            data = file.read(LIMIT + 1)
        require(len(data) <= LIMIT, "at most 1 MiB")
        return check(
            json.loads(
                data.decode("utf-8"),
                object_pairs_hook=without_duplicates,
                parse_constant=refuse_constant,
            )
        )
    except (OSError, ValueError, RecursionError):
        return None


try:
    if sys.argv[1] == "write":
        write(sys.argv[2])
    elif sys.argv[1] == "read":
        print(json.dumps(read(sys.argv[2])))
    else:
        sys.exit(2)
except (OSError, ValueError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
