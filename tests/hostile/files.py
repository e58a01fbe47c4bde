"""Attacks by files, folders, mounts and shared memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import stat
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.server import ATTACKS, CANARIES, ESCAPES, Server, attack, instead, once

assert sys.platform == "linux"


def _endless(target: Path) -> None:
    """A device that never ends, of its own: a later write may follow the link and replace what it leads to."""
    device = CANARIES.with_name("zero")
    if not device.exists():
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    target.symlink_to(device)


ATTACKS["fifo-at-the-target"] = lambda server: setattr(server, "after", instead(os.mkfifo))
ATTACKS["folder-at-the-target"] = lambda server: setattr(server, "after", instead(os.mkdir))
ATTACKS["dev-zero-at-the-target"] = lambda server: setattr(server, "after", instead(_endless))
ATTACKS["second-name-of-a-strangers-file"] = lambda server: setattr(
    server, "after", instead(lambda target: target.hardlink_to(CANARIES / "a" / "file"))
)
ATTACKS["target-that-may-not-be-read"] = lambda server: setattr(server, "after", lambda target: target.chmod(0))


@attack
def socket_at_the_target(server: Server) -> None:
    server.after = instead(lambda target: socket.socket(socket.AF_UNIX).bind(os.path.relpath(target)))


@attack
def ten_gigabytes_at_the_target(server: Server) -> None:
    server.after = lambda target: os.truncate(target, 10 << 30)


@attack
def folder_removed(server: Server) -> None:
    def remove(target: Path) -> None:
        target.unlink()
        target.parent.rmdir()

    server.after = remove


@attack
def folder_renamed_away(server: Server) -> None:
    server.after = lambda target: target.parent.rename(f"{target.parent}.away")


@attack
def link_at_the_target(server: Server) -> None:
    server.stay_inside()
    server.after = instead(lambda target: target.symlink_to(CANARIES / "a" / "file"))


@attack
def folder_replaced_by_a_link(server: Server) -> None:
    server.stay_inside()

    def replace(target: Path) -> None:
        target.parent.rename(f"{target.parent}.away")
        target.parent.symlink_to(CANARIES)

    server.after = once(replace)


@attack
def folder_closed(server: Server) -> None:
    server.after = lambda target: target.parent.chmod(0)


@attack
def closed_folders_inside(server: Server) -> None:
    def close(target: Path) -> None:
        inner = target.parent / "closed" / "closed"
        inner.mkdir(parents=True)
        (inner / "file").touch()
        inner.chmod(0)
        inner.parent.chmod(0)

    server.after = once(close)


@attack
def folders_500_deep(server: Server) -> None:
    def dig(target: Path) -> None:
        descriptor = os.open(target.parent, os.O_RDONLY)
        for _ in range(500):
            os.mkdir("d", dir_fd=descriptor)
            deeper = os.open("d", os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        os.close(descriptor)

    server.after = once(dig)


@attack
def two_thousand_temps(server: Server) -> None:
    def make(target: Path) -> None:
        for number in range(2000):
            (target.parent / f"{number}.tmp").touch()

    server.after = once(make)


@attack
def temps_with_odd_names(server: Server) -> None:
    names = (ESCAPES.replace("/", ""), "\n\n", " ", "x" * 255, "\udcff")

    def make(target: Path) -> None:
        for name in names:
            (target.parent / name).touch()

    server.after = once(make)


@attack
def strangers_files_mounted_inside(server: Server) -> None:
    def mount(target: Path) -> None:
        inner = target.parent / "mounted"
        inner.mkdir()
        ctypes.CDLL(None).mount(os.fsencode(CANARIES), os.fsencode(inner), None, 4096, None)

    server.after = once(mount)


@attack
def file_system_mounted_inside(server: Server) -> None:
    def mount(target: Path) -> None:
        inner = target.parent / "mounted"
        inner.mkdir()
        ctypes.CDLL(None).mount(b"none", os.fsencode(inner), b"tmpfs", 0, b"size=64k")
        (inner / "file").touch()

    server.after = once(mount)


@attack
def device_inside(server: Server) -> None:
    server.after = once(lambda target: os.mknod(target.parent / "null", 0o20666, os.makedev(1, 3)))


@attack
def link_out_of_the_folder(server: Server) -> None:
    server.after = once(lambda target: (target.parent / "out").symlink_to(CANARIES))


@attack
def files_around_its_temporary_folder(server: Server) -> None:
    def plant(target: Path) -> None:
        around = Path(tempfile.gettempdir()).parent
        for folder in ("children", "findings", "notes"):
            with contextlib.suppress(OSError):
                (around / folder / "0").write_text("0.0")
                (around / folder / "points-first.json").write_text("{}")
        for name in ("run.pickle", "undeclared.json", "folder-changed.json", "in-process-real.json"):
            with contextlib.suppress(OSError):
                (around / name).write_text("[]")

    server.before = once(plant)


@attack
def shared_memory_of_posix(server: Server) -> None:
    server.before = once(lambda target: Path("/dev/shm/hostile").write_bytes(b"x"))


@attack
def shared_memory_of_system_v(server: Server) -> None:
    server.before = once(lambda target: ctypes.CDLL(None).shmget(0x686F7374, 4096, 0o1666))


@attack
def folder_swapped_again_and_again(server: Server) -> None:
    def swap(target: Path) -> None:
        server.write = lambda path, status: None  # type: ignore[method-assign]  # what changes now, the kit has changed
        if os.fork() == 0:
            os.setsid()
            folder, away = target.parent, Path(f"{target.parent}.away")
            end = time.monotonic() + 20
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    folder.rename(away)
                    folder.symlink_to(CANARIES)
                    folder.unlink()
                    away.rename(folder)
            os._exit(0)

    server.after = once(swap)
