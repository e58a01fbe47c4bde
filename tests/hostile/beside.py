"""Attacks on what the kit has beside the folders of the cases: its records, notes, locks and processes."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.server import CANARIES, SECONDS, Server, attack, once

assert sys.platform == "linux"

_MS_BIND, _MS_REMOUNT, _MS_RDONLY = 4096, 32, 1


def _temporary() -> Path:
    """The folder for temporary files of the kit, beside the canaries."""
    return CANARIES.parent / "tmp"


def _run_folder(target: Path) -> Path:
    below = target.relative_to(_temporary())
    return _temporary() / below.parts[0]


def _records() -> Iterator[Path]:
    yield from _temporary().glob("pulse-kit-runs-*")


def _apart(action: object) -> None:
    """Go on in a process that nothing waits for."""
    assert callable(action)
    if os.fork() == 0:
        os.setsid()
        for number in range(3):
            os.close(number)
        action()
        os._exit(0)


@attack
def run_folder_renamed_and_linked_elsewhere(server: Server) -> None:
    def change(target: Path) -> None:
        folder = _run_folder(target)
        folder.rename(f"{folder}.away")
        folder.symlink_to(CANARIES)

    server.stay_inside()
    server.after = once(change)


@attack
def canaries_mounted_over_the_run_folder(server: Server) -> None:
    def mount(target: Path) -> None:
        ctypes.CDLL(None).mount(os.fsencode(CANARIES), os.fsencode(_run_folder(target)), None, _MS_BIND, None)
        server.write = lambda path, status: None  # type: ignore[method-assign]  # that is the attack

    server.after = once(mount)


@attack
def mounts_on_one_another(server: Server) -> None:
    def mount(target: Path) -> None:
        inner = target.parent / "mounted"
        inner.mkdir()
        for number in range(20):
            ctypes.CDLL(None).mount(b"none", os.fsencode(inner), b"tmpfs", 0, b"size=64k")
            (inner / str(number)).touch()

    server.after = once(mount)


@attack
def folder_mounted_on_itself_and_read_only(server: Server) -> None:
    def mount(target: Path) -> None:
        place = os.fsencode(target.parent)
        ctypes.CDLL(None).mount(place, place, None, _MS_BIND, None)
        ctypes.CDLL(None).mount(None, place, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY, None)

    server.after = once(mount)


@attack
def planted_record_of_a_canary(server: Server) -> None:
    """A record says that a folder of someone else is one of a killed run."""

    def plant(target: Path) -> None:
        for folder in _records():
            for name in ("a", "../canaries", "../canaries/a", "."):
                victim = CANARIES / name
                found = victim.stat()
                text = json.dumps({"folder": str(victim), "device": found.st_dev, "inode": found.st_ino})
                (folder / f"{len(os.listdir(folder))}.folder").write_text(text, encoding="ascii")

    server.before = once(plant)


@attack
def records_changed_to_what_never_ends(server: Server) -> None:
    def change(target: Path) -> None:
        for folder in _records():
            for record in folder.iterdir():
                record.unlink()
                os.mkfifo(record)
            (folder / "zero.folder").symlink_to("/dev/zero")
            (folder / "folder.folder").mkdir()

    server.before = once(change)


@attack
def records_replaced_by_a_link(server: Server) -> None:
    def change(target: Path) -> None:
        for folder in _records():
            folder.rename(f"{folder}.away")
            folder.symlink_to(CANARIES)

    server.before = once(change)


@attack
def locks_of_all_notes_held(server: Server) -> None:
    def hold(target: Path) -> None:
        def keep() -> None:
            held = []
            end = time.monotonic() + 20
            while time.monotonic() < end:
                for notes in _temporary().glob("pulse-kit-*/notes"):
                    for lock in notes.glob("*.lock"):
                        with contextlib.suppress(OSError):
                            held.append(os.open(lock, os.O_RDWR))
                            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                time.sleep(0.01)

        _apart(keep)

    server.before = once(hold)


@attack
def notes_overwritten(server: Server) -> None:
    def change(target: Path) -> None:
        for note in _temporary().glob("pulse-kit-*/notes/*"):
            note.unlink()
            note.mkdir()

    server.before = change


@attack
def configuration_of_pytest_planted(server: Server) -> None:
    """Whatever the kit's pytest or Python might load from a folder that it is started in, or works in."""

    def plant(target: Path) -> None:
        marker = CANARIES / "loaded"
        text = f"open({str(marker)!r}, 'w').close()\n"
        beyond = CANARIES.parent.parents  # of the machine, where what is planted would stay
        for folder in {*target.parents} - {_temporary(), *beyond}:
            for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "conformance.py", "json.py"):
                with contextlib.suppress(OSError):
                    (folder / name).write_text(text, encoding="ascii")
            with contextlib.suppress(OSError):
                (folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n", encoding="ascii")

    server.before = once(plant)


@attack
def guard_killed(server: Server) -> None:
    def kill(target: Path) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"guard_process" in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    server.before = kill


@attack
def fork_server_killed(server: Server) -> None:
    def kill(target: Path) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"fork_server" in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    server.before = once(kill)


@attack
def daemon_that_adopts_and_stops_its_own(server: Server) -> None:
    """Its children come to it and not to the kit, and it is stopped itself."""

    def become(target: Path) -> None:
        def stay() -> None:
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
            for _ in range(5):
                _apart(lambda: time.sleep(SECONDS))
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(SECONDS)

        _apart(stay)

    server.before = once(become)


@attack
def daemon_in_its_own_process_namespace(server: Server) -> None:
    def become(target: Path) -> None:
        def stay() -> None:
            ctypes.CDLL(None).unshare(0x20000000)  # CLONE_NEWPID
            if os.fork() == 0:
                for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                    with contextlib.suppress(OSError, ValueError):
                        signal.signal(number, signal.SIG_IGN)
                _apart(lambda: time.sleep(SECONDS))
                time.sleep(SECONDS)
            os._exit(0)

        _apart(stay)

    server.before = once(become)


@attack
def chain_of_daemons_that_start_one_another(server: Server) -> None:
    def become(target: Path) -> None:
        def run_on() -> None:
            end = time.monotonic() + 8
            while time.monotonic() < end:
                if os.fork():
                    os._exit(0)
                os.setsid()
            os._exit(0)

        _apart(run_on)

    server.before = once(become)


@attack
def lease_on_the_target(server: Server) -> None:
    """A process that opens the file waits for the holder of the lease (fcntl(2)), at most for lease-break-time."""

    def lease(target: Path) -> None:
        def hold() -> None:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            with contextlib.suppress(OSError):
                descriptor = os.open(target, os.O_RDWR)
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                time.sleep(10)

        _apart(hold)
        time.sleep(0.05)

    server.after = lease
