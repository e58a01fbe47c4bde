"""Writers that are correct by what their manifest declares: kept files, refused links, and JSON of their own."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.mutation.honest import Honest
from conformance.mutation.registry import WAY_OF_WRITING, variant

_LONGEST = 255  # bytes of a file name


def name_beside(target: str, before: str, after: str) -> str:
    """The name of another file for a target; of a name that is too long for that, only the beginning is used."""
    folder, name = os.path.split(target)
    while len(os.fsencode(f"{before}{name}{after}")) > _LONGEST:
        name = name[:-1]
    return os.path.join(folder, f"{before}{name}{after}")


if sys.platform != "win32":
    import fcntl

    @variant(
        "guard",
        doubted_by=(*WAY_OF_WRITING, "MET-*", "CON-*", "RDR-12"),
        on=("linux", "macos"),
        keeps=(".{name}.lock",),
    )
    @contextlib.contextmanager
    def lock_file_kept(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Locks a file beside the target while it writes and leaves it there, as coreos/bootupd does."""
        if not writing:
            yield
            return
        name = name_beside(self.resolve(path), ".", ".lock")  # also of a target whose name is too long
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @variant("guard", doubted_by=(*WAY_OF_WRITING, "MET-*", "CON-*", "RDR-12"), on=("linux", "macos"))
    @contextlib.contextmanager
    def lock_file_removed_under_its_lock(self: Honest, path: str, *, writing: bool) -> Iterator[None]:
        """Locks a file beside the target while it writes, and removes it before it lets go of the lock. A writer that
        has waited looks whether the file that it has locked still has the name.
        """
        if not writing:
            yield
            return
        name = name_beside(self.resolve(path), ".", ".lock")
        descriptor = -1
        try:
            while descriptor < 0:
                descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if not _is_at(descriptor, name):
                    os.close(descriptor)
                    descriptor = -1
            yield
        finally:
            try:
                _remove(name)
            except BaseException:  # an interrupt: it must not stay behind for that
                _remove(name)
                raise
            finally:
                if descriptor >= 0:
                    os.close(descriptor)

    def _remove(name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name)

    def _is_at(descriptor: int, name: str) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), os.stat(name))
        return False


@variant("replace", doubted_by=(*WAY_OF_WRITING, "MET-*", "CON-*"), keeps=("{name}.bak",))
def backup_kept(self: Honest, temp: str, target: str) -> None:
    """Keeps the old document beside the new one, as STATUS.json.bak, which is replaced like the target itself."""
    backup, copy = name_beside(target, "", ".bak"), self.temp_name(target)
    try:
        with open(target, "rb") as file:
            old = file.read()
    except FileNotFoundError:
        old = None
    if old is not None:
        try:
            self.fill_temp(copy, backup, old)
            Honest.replace(self, copy, backup)
        except BaseException:
            self.discard(copy)
            raise
    Honest.replace(self, temp, target)


@variant("resolve", doubted_by=("VIS-*", "PWR-*", "MET-*"), hard_link="refuse")
def hard_links_refused(self: Honest, path: str) -> str:
    """Refuses a target that has a second name, because that name would keep the old document."""
    target = Honest.resolve(self, path)
    with contextlib.suppress(FileNotFoundError):
        if os.path.isfile(target) and os.lstat(target).st_nlink > 1:
            raise OSError(errno.EMLINK, "the target has a second name", path)
    return target


@variant("resolve", doubted_by=("MET-*",), symlink="refuse")
def symbolic_links_refused(self: Honest, path: str) -> str:
    """Refuses a target that is a symbolic link, as a writer does that runs with more rights than its caller."""
    if os.path.islink(path):
        raise OSError(errno.ELOOP, "the target is a symbolic link", path)
    return Honest.resolve(self, path)


@variant("write", doubted_by=("*",), profile="json", roles=("writer",))
def json_of_any_value(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Writes whatever value it is given as JSON, with the tokens of JavaScript, as npm's write-json-file does."""
    whole = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in status.items()
    }
    self.publish(path, (json.dumps(whole, ensure_ascii=False, indent="\t", sort_keys=True) + "\n").encode("utf-8"))
