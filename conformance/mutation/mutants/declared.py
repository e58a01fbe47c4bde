"""Writers that break what their manifest declares, or keep what it does not declare."""

from __future__ import annotations

import contextlib
import errno
import os

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("replace", caught_by="FLT-02")
def undeclared_lock_file(self: Honest, temp: str, target: str) -> None:
    """Leaves a lock file beside the target that the manifest does not declare."""
    name = os.path.basename(target)[:100]
    descriptor = os.open(os.path.join(os.path.dirname(target), f".{name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    os.close(descriptor)
    Honest.replace(self, temp, target)


@mutant("close", caught_by="FLT-02")
def descriptor_leaked_by_every_write(self: Honest, descriptor: int) -> None:
    """Never closes the temp, whether the write fails or not."""
    if os.name == "nt":
        Honest.close(self, descriptor)  # an open temp cannot be renamed there: keep another descriptor
        os.open(os.devnull, os.O_RDONLY)


@mutant("publish", caught_by="VIS-01", hard_link="refuse")
def second_name_written_in_place(self: Honest, path: str, data: bytes) -> None:
    """Declares that it refuses a target with a second name, but writes it in place, so that both names change."""
    if os.path.isfile(path) and os.stat(path).st_nlink > 1:
        with open(path, "wb") as file:
            file.write(data)
        return
    Honest.publish(self, path, data)


@mutant("resolve", caught_by="VIS-01", on=("linux", "macos"), hard_link="refuse")
def second_name_not_seen_behind_a_link(self: Honest, path: str) -> str:
    """Declares that it refuses a target with a second name, but looks at the path itself, which may be a link."""
    with contextlib.suppress(FileNotFoundError):
        if os.lstat(path).st_nlink > 1:
            raise OSError(errno.EMLINK, "the target has a second name", path)
    return Honest.resolve(self, path)


@mutant("resolve", caught_by="MET-04", symlink="refuse")
def link_followed_though_refused(self: Honest, path: str) -> str:
    """Declares that it refuses a symbolic link, but follows it."""
    return Honest.resolve(self, path)
