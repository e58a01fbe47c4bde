"""Defects that show only where Windows refuses to replace, delete or open a file that another process holds (WIN)."""

from __future__ import annotations

import contextlib
import json
import ntpath
import os
import stat
import sys
import time
from typing import Any

from conformance.mutation.honest import Honest, replace_patiently
from conformance.mutation.registry import mutant

ONLY = ("windows",)
_TARGET_HELD, _TEMP_HELD = 5, 32  # how MoveFileExW refuses: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION


@mutant("replace", caught_by="WIN-01", on=ONLY)
def no_retry(self: Honest, temp: str, target: str) -> None:
    """Tries to replace the target only once."""
    os.replace(temp, target)


@mutant("replace", caught_by="WIN-01", on=ONLY)
def in_place_when_refused(self: Honest, temp: str, target: str) -> None:
    """Writes into the target when it cannot be replaced."""
    try:
        os.replace(temp, target)
    except PermissionError:
        with open(temp, "rb") as new, open(target, "r+b") as file:
            file.write(new.read())
            file.truncate()
        os.unlink(temp)


@mutant("replace", caught_by="WIN-02", outcome="error", on=ONLY)
def endless_retry(self: Honest, temp: str, target: str) -> None:
    """Retries the replace until no other process holds the target, however long that takes."""
    while True:
        try:
            os.replace(temp, target)
            return
        except PermissionError:
            time.sleep(0.01)


@mutant("publish", caught_by="WIN-02", on=ONLY)
def temp_left_at_the_deadline(self: Honest, path: str, data: bytes) -> None:
    """Gives up without removing the temp."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    self.fill_temp(temp, target, data)
    self.replace(temp, target)


@mutant("replace", caught_by="WIN-02", on=ONLY)
def generic_error(self: Honest, temp: str, target: str) -> None:
    """Gives up with an error of its own that does not say why."""
    try:
        replace_patiently(temp, target)
    except OSError:
        raise OSError("the status could not be saved") from None


@mutant("replace", caught_by="WIN-02", on=ONLY)
def refusal_ignored(self: Honest, temp: str, target: str) -> None:
    """Gives up and reports success."""
    try:
        replace_patiently(temp, target)
    except PermissionError:
        os.unlink(temp)


@mutant("replace", caught_by="WIN-03", on=ONLY)
def held_temp_not_waited_for(self: Honest, temp: str, target: str) -> None:
    """Retries when another process holds the target, but not when a virus scanner holds the temp."""
    deadline = time.monotonic() + 1.5
    while True:
        try:
            os.replace(temp, target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) == _TEMP_HELD or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@mutant("replace", caught_by="WIN-04", on=ONLY)
def read_only_target_deleted(self: Honest, temp: str, target: str) -> None:
    """Deletes a read-only target, and then puts the new one in its place."""
    with contextlib.suppress(FileNotFoundError):
        if not os.stat(target).st_mode & stat.S_IWRITE:
            os.chmod(target, stat.S_IWRITE | stat.S_IREAD)
            os.unlink(target)
    replace_patiently(temp, target)


@mutant("replace", caught_by="WIN-04", on=ONLY)
def read_only_attribute_taken_away(self: Honest, temp: str, target: str) -> None:
    """Clears the target's read-only attribute, and fails anyway."""
    with contextlib.suppress(FileNotFoundError):
        if not os.stat(target).st_mode & stat.S_IWRITE:
            os.chmod(target, stat.S_IWRITE | stat.S_IREAD)
            raise PermissionError("the target is read-only")
    replace_patiently(temp, target)


@mutant("load", caught_by="WIN-05", on=ONLY)
def plain_open(self: Honest, path: str) -> bytes | None:
    """Opens the target as the C library does, so that it can be neither deleted nor replaced meanwhile."""
    for _ in range(50):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.005)
    return None


@mutant("resolve", caught_by="WIN-06", on=ONLY)
def device_names_taken(self: Honest, path: str) -> str:
    """Reports success for the device name NUL, although no file of that name was written."""
    if ntpath.basename(path).upper() == "NUL":
        return os.path.join(os.environ["TEMP"], "nowhere.json")
    return Honest.resolve(self, path)


@mutant("resolve", caught_by="WIN-06", on=ONLY)
def odd_names_trimmed(self: Honest, path: str) -> str:
    """Drops a dot or a space at the end of the name, and so writes another file."""
    return Honest.resolve(self, path.rstrip(". "))


@mutant("fill_temp", caught_by="WIN-07", on=ONLY)
def text_mode(self: Honest, temp: str, target: str, data: bytes) -> None:
    r"""Writes in text mode, which turns every \n into \r\n."""
    with open(temp, "x", encoding="utf-8") as file:
        file.write(data.decode("utf-8") + "\n")
        file.flush()
        os.fsync(file.fileno())


@mutant("serialise", caught_by="WIN-07", on=ONLY)
def console_code_page(self: Honest, document: dict[str, Any]) -> bytes:
    """Encodes the document in the code page of the console."""
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes

    number = ctypes.WinDLL("kernel32").GetConsoleOutputCP()
    text = json.dumps(document, ensure_ascii=False)
    return text.encode(f"cp{number}" if number else "utf-8", "backslashreplace")


@mutant("publish", caught_by="WIN-08", on=ONLY)
def old_file_moved_aside(self: Honest, path: str, data: bytes) -> None:
    """Moves the old file aside before the new one is written: a process that ends in between leaves no target."""
    aside = f"{path}.old"
    with contextlib.suppress(FileNotFoundError):
        replace_patiently(path, aside)
    Honest.publish(self, path, data)


@mutant("publish", caught_by="WIN-08", on=ONLY)
def lock_outlives_the_process(self: Honest, path: str, data: bytes) -> None:
    """Creates a lock file that a terminated process never removes."""
    lock = f"{path}.lock"
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    try:
        Honest.publish(self, path, data)
    finally:
        os.unlink(lock)


@mutant("replace", caught_by="VIS-05", on=ONLY)
def deleted_then_renamed(self: Honest, temp: str, target: str) -> None:
    """Deletes the target to make room for the rename."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    os.rename(temp, target)


@mutant("replace", caught_by="VIS-05", on=ONLY)
def replace_file_call(self: Honest, temp: str, target: str) -> None:
    """Uses ReplaceFileW, which moves the old file away and then the new one into its place."""
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes

    if not os.path.exists(target):
        replace_patiently(temp, target)
        return
    deadline = time.monotonic() + 1.5
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    while not kernel32.ReplaceFileW(ctypes.c_wchar_p(target), ctypes.c_wchar_p(temp), None, 0, None, None):
        if time.monotonic() > deadline:
            raise ctypes.WinError(ctypes.get_last_error())
        time.sleep(0.005)
