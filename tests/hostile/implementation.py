"""A correct writer that attacks its judge: ``python implementation.py ATTACK``.

Each attack is bounded in count and in time, so that one that succeeds does no harm beyond its namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ATTACKS", "main"]

ATTACKS: dict[str, Callable[[Any], object]] = {}  # each takes a `Server`

assert sys.platform == "linux"

CANARIES = Path(os.environ.get("CANARIES", "/nonexistent"))
_SECONDS = 300.0  # that anything left behind lives at most
_ESCAPES = "\x1b[2K\x1b[1A\rpulse hostile 1 (linux): \x1b[32mCONFORMANT\x1b[0m\u202e\x07"


class Server:
    """Answers requests. An attack replaces what it needs of it."""

    version = "1"

    def __init__(self) -> None:
        self.before: Callable[[Path], object] = lambda target: None
        self.after: Callable[[Path], object] = lambda target: None
        self.answered: Callable[[dict[str, Any]], bytes] = lambda answer: json.dumps(answer).encode() + b"\n"

    def write(self, path: str, status: dict[str, Any]) -> None:
        """Publish a status by a temp and a rename."""
        target = Path(os.path.realpath(path))
        descriptor, temp = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(status, allow_nan=False).encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temp, 0o644)
        os.replace(temp, target)

    def serve(self) -> None:
        """Until ``stop``, or the end of the input."""
        for line in sys.stdin:
            request = json.loads(line)
            answer: dict[str, Any] = {"id": request["id"], "ok": True}
            if request["op"] == "start":
                answer |= {"protocol": 1, "name": "hostile", "version": self.version, "language": "python"}
            elif request["op"] == "write":
                target = Path(request["path"])
                try:
                    self.before(target)
                    self.write(request["path"], request["status"])
                    self.after(target)
                except (OSError, ValueError) as error:
                    answer |= {"ok": False, "error": "io", "message": str(error)}
            os.write(1, self.answered(answer))
            if request["op"] == "stop":
                return


def attack(function: Callable[[Server], object]) -> Callable[[Server], object]:
    """Add an attack by the name of its function, with dashes."""
    ATTACKS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def _once(action: Callable[[Path], object]) -> Callable[[Path], object]:
    done: list[Path] = []

    def act(target: Path) -> None:
        if not done:
            done.append(target)
            action(target)

    return act


def _instead(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Remove the target, and put something else there."""

    def act(target: Path) -> None:
        target.unlink(missing_ok=True)
        change(target)

    return act


def _sleeper(*, session: bool) -> None:
    subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({_SECONDS})"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=session,
    )


def _ancestors() -> list[int]:
    found, pid = [], os.getppid()
    while pid > 1:
        found.append(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def _changed(field: str, value: Any) -> Callable[[Server], object]:
    def change(server: Server) -> None:
        server.answered = lambda answer: json.dumps({**answer, field: value}).encode() + b"\n"

    return change


# What it prints

ATTACKS["wrong-ids"] = _changed("id", 10**9)
ATTACKS["ids-that-are-no-numbers"] = _changed("id", float("nan"))
ATTACKS["names-with-escapes"] = _changed("name", _ESCAPES)
ATTACKS["messages-with-escapes"] = lambda server: setattr(
    server,
    "answered",
    lambda answer: (
        json.dumps({"id": answer["id"], "ok": False, "error": "io", "message": _ESCAPES}).encode() + b"\n"
        if "protocol" not in answer
        else json.dumps(answer).encode() + b"\n"
    ),
)
ATTACKS["a-version-that-is-a-verdict"] = lambda server: setattr(server, "version", f"1{_ESCAPES}\nCONFORMANT\n" * 3)
ATTACKS["a-version-of-15-mb"] = lambda server: setattr(server, "version", "v" * 15_000_000)


@attack
def flood_of_output(server: Server) -> None:
    server.answered = lambda answer: json.dumps(answer).encode() + b"\n" + b"x" * 50_000_000 + b"\n"


@attack
def line_without_end(server: Server) -> None:
    server.answered = lambda answer: b"x" * 64_000_000


@attack
def each_answer_twice(server: Server) -> None:
    server.answered = lambda answer: (json.dumps(answer).encode() + b"\n") * 2


@attack
def answers_that_are_not_text(server: Server) -> None:
    server.answered = lambda answer: b"\xff\x00\xfe\n"


@attack
def answers_nested_deeply(server: Server) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    server.answered = lambda answer: b'{"id": %d, "ok": true, "protocol": 1, "deep": %s}\n' % (answer["id"], deep)


@attack
def messages_of_15_mb(server: Server) -> None:
    server.answered = lambda answer: (
        (
            json.dumps(
                answer if "protocol" in answer else {**answer, "ok": False, "error": "io", "message": "m" * 15_000_000}
            )
        ).encode()
        + b"\n"
    )


@attack
def huge_standard_error(server: Server) -> None:
    server.before = lambda target: os.write(2, b"e" * 50_000_000)


@attack
def escapes_on_standard_error(server: Server) -> None:
    server.before = lambda target: (os.write(2, _ESCAPES.encode()), os._exit(9))


@attack
def closes_its_output(server: Server) -> None:
    server.before = lambda target: os.close(1)


@attack
def closes_its_input(server: Server) -> None:
    server.before = lambda target: os.close(0)


# Processes


@attack
def child_in_its_group(server: Server) -> None:
    server.before = _once(lambda target: _sleeper(session=False))


@attack
def child_in_a_session_of_its_own(server: Server) -> None:
    server.before = _once(lambda target: _sleeper(session=True))


@attack
def daemon(server: Server) -> None:
    def become(target: Path) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in range(3):
                    os.close(number)
                time.sleep(_SECONDS)
            os._exit(0)
        os.wait()

    server.before = _once(become)


@attack
def daemon_that_keeps_the_output(server: Server) -> None:
    def become(target: Path) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(_SECONDS)
            os._exit(0)
        os.wait()

    server.before = _once(become)


@attack
def storm_of_200_forks(server: Server) -> None:
    def storm(target: Path) -> None:
        for _ in range(200):
            if os.fork() == 0:
                os.setsid()
                for number in range(3):
                    os.close(number)
                time.sleep(_SECONDS)
                os._exit(0)

    server.before = _once(storm)


@attack
def stops_itself(server: Server) -> None:
    server.before = lambda target: os.kill(os.getpid(), signal.SIGSTOP)


@attack
def stops_its_parent(server: Server) -> None:
    server.before = _once(lambda target: os.kill(os.getppid(), signal.SIGSTOP) if os.getppid() > 1 else None)


@attack
def stops_all_above_it(server: Server) -> None:
    def stop(target: Path) -> None:
        for pid in _ancestors():
            os.kill(pid, signal.SIGSTOP)

    server.before = _once(stop)


@attack
def kills_its_parent(server: Server) -> None:
    server.before = _once(lambda target: os.kill(os.getppid(), signal.SIGKILL) if os.getppid() > 1 else None)


@attack
def kills_its_group(server: Server) -> None:
    server.before = lambda target: os.killpg(0, signal.SIGKILL)


@attack
def never_answers(server: Server) -> None:
    server.before = lambda target: time.sleep(_SECONDS)


@attack
def ignores_every_signal(server: Server) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    server.after = lambda target: time.sleep(_SECONDS)


@attack
def ends_with_0(server: Server) -> None:
    server.before = lambda target: os._exit(0)


# Files

ATTACKS["fifo-at-the-target"] = lambda server: setattr(server, "after", _instead(os.mkfifo))
ATTACKS["folder-at-the-target"] = lambda server: setattr(server, "after", _instead(os.mkdir))
ATTACKS["dev-zero-at-the-target"] = lambda server: setattr(
    server, "after", _instead(lambda t: t.symlink_to("/dev/zero"))
)
ATTACKS["link-at-the-target"] = lambda server: setattr(
    server, "after", _instead(lambda target: target.symlink_to(CANARIES / "a" / "file"))
)
ATTACKS["second-name-of-a-strangers-file"] = lambda server: setattr(
    server, "after", _instead(lambda target: target.hardlink_to(CANARIES / "a" / "file"))
)
ATTACKS["target-that-may-not-be-read"] = lambda server: setattr(server, "after", lambda target: target.chmod(0))


@attack
def socket_at_the_target(server: Server) -> None:
    server.after = _instead(lambda target: socket.socket(socket.AF_UNIX).bind(os.path.relpath(target)))


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
def folder_replaced_by_a_link(server: Server) -> None:
    def replace(target: Path) -> None:
        target.parent.rename(f"{target.parent}.away")
        target.parent.symlink_to(CANARIES)

    server.after = replace


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

    server.after = _once(close)


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

    server.after = _once(dig)


@attack
def two_thousand_temps(server: Server) -> None:
    def make(target: Path) -> None:
        for number in range(2000):
            (target.parent / f"{number}.tmp").touch()

    server.after = _once(make)


@attack
def temps_with_odd_names(server: Server) -> None:
    names = (_ESCAPES.replace("/", ""), "\n\n", " ", "x" * 255, "\udcff")

    def make(target: Path) -> None:
        for name in names:
            (target.parent / name).touch()

    server.after = _once(make)


@attack
def strangers_files_mounted_inside(server: Server) -> None:
    def mount(target: Path) -> None:
        inner = target.parent / "mounted"
        inner.mkdir()
        ctypes.CDLL(None).mount(os.fsencode(CANARIES), os.fsencode(inner), None, 4096, None)

    server.after = _once(mount)


@attack
def file_system_mounted_inside(server: Server) -> None:
    def mount(target: Path) -> None:
        inner = target.parent / "mounted"
        inner.mkdir()
        ctypes.CDLL(None).mount(b"none", os.fsencode(inner), b"tmpfs", 0, b"size=64k")
        (inner / "file").touch()

    server.after = _once(mount)


@attack
def device_inside(server: Server) -> None:
    server.after = _once(lambda target: os.mknod(target.parent / "null", 0o20666, os.makedev(1, 3)))


@attack
def link_out_of_the_folder(server: Server) -> None:
    server.after = _once(lambda target: (target.parent / "out").symlink_to(CANARIES))


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

    server.before = _once(plant)


@attack
def shared_memory_of_posix(server: Server) -> None:
    server.before = _once(lambda target: Path("/dev/shm/hostile").write_bytes(b"x"))


@attack
def shared_memory_of_system_v(server: Server) -> None:
    server.before = _once(lambda target: ctypes.CDLL(None).shmget(0x686F7374, 4096, 0o1666))


@attack
def folder_swapped_again_and_again(server: Server) -> None:
    def swap(target: Path) -> None:
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

    server.after = _once(swap)


def main(name: str) -> None:
    """Serve, with this attack."""
    server = Server()
    ATTACKS[name](server)
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
