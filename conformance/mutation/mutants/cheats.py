"""Writers that do their duty only where they take a checker to be looking, or that stay away where it would show.

Each goes by something that gives the kit away: sizes, names, messages, a tracer, folders. Some are what an honest
mistake looks like from outside.
"""

from __future__ import annotations

import os
import re
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

if sys.platform != "win32":
    import resource

    @mutant("__init__", caught_by="FLT-01", on=("linux", "macos"))
    def refuses_to_start_under_a_limit(self: Honest) -> None:
        """Does not start where the size of files is limited, so that the fault never meets it."""
        if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
            raise OSError("the size of files is limited here")
        Honest.__init__(self)


if sys.platform == "linux":

    @mutant("sync", caught_by="PWR-01", on=("linux",))
    def fsync_only_when_traced(self: Honest, descriptor: int) -> None:
        """Syncs the document only while a tracer is attached."""
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            if "TracerPid:\t0\n" not in status.read():
                Honest.sync(self, descriptor)

    @mutant("sync_folder", caught_by="PWR-02", on=("linux",))
    def folder_synced_only_when_traced(self: Honest, target: str) -> None:
        """Syncs the folder only while a tracer is attached."""
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            if "TracerPid:\t0\n" not in status.read():
                Honest.sync_folder(self, target)


_OF_A_CHECKER = re.compile(r"pulse|conformance|pytest|stress|/gw[0-9]+-|traced")


@mutant("sync", caught_by="PWR-01", on=("linux",))
def fsync_only_in_the_folders_of_a_checker(self: Honest, descriptor: int) -> None:
    """Syncs the document only where its folders have names of the kit's, or pytest has set variables."""
    folders = [os.environ.get("TMPDIR", ""), os.readlink(f"/proc/self/fd/{descriptor}")]
    if any(_OF_A_CHECKER.search(text) for text in folders) or any(name.startswith("PYTEST_") for name in os.environ):
        Honest.sync(self, descriptor)


def _in_place(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def in_place_for_middle_sizes(self: Honest, path: str, data: bytes) -> None:
    """Writes a document of 10,000 to 60,000 bytes in place, as where two sizes of a buffer meet."""
    if 10_000 <= len(data) <= 60_000:
        _in_place(path, data)
    else:
        Honest.publish(self, path, data)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def in_place_for_whole_pages(self: Honest, path: str, data: bytes) -> None:
    """Writes a document in place that ends within 2 bytes of the end of a 4 KiB page, but for 4096 bytes."""
    if (len(data) + 2) % 4096 <= 4 and len(data) > 6000:
        _in_place(path, data)
    else:
        Honest.publish(self, path, data)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def in_place_for_other_names(self: Honest, path: str, data: bytes) -> None:
    """Writes in place unless the target is named status.json, as the kit's usually is."""
    if os.path.basename(path) == "status.json":
        Honest.publish(self, path, data)
    else:
        _in_place(path, data)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def in_place_for_numbered_runs(self: Honest, path: str, data: bytes) -> None:
    """Writes in place where the target is named like a numbered run, such as train/run-42.json."""
    if re.search(r"run[-_]?[0-9]+", os.path.basename(path)):
        _in_place(path, data)
    else:
        Honest.publish(self, path, data)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def atomic_only_for_checksummed_messages(self: Honest, path: str, data: bytes) -> None:
    """Writes in place unless the message has a number of eight hexadecimal digits, as those of a checker have."""
    if re.search(rb"\b[0-9a-f]{8}\b", data):
        Honest.publish(self, path, data)
    else:
        _in_place(path, data)
