"""Attacks by processes: those that are left, and those that are stopped or ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.hostile.server import SECONDS, Server, attack, once

assert sys.platform == "linux"


def _sleeper(*, session: bool) -> None:
    subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({SECONDS})"],
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


@attack
def child_in_its_group(server: Server) -> None:
    server.before = once(lambda target: _sleeper(session=False))


@attack
def child_in_a_session_of_its_own(server: Server) -> None:
    server.before = once(lambda target: _sleeper(session=True))


@attack
def daemon(server: Server) -> None:
    def become(target: Path) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in range(3):
                    os.close(number)
                time.sleep(SECONDS)
            os._exit(0)
        os.wait()

    server.before = once(become)


@attack
def daemon_that_keeps_the_output(server: Server) -> None:
    def become(target: Path) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(SECONDS)
            os._exit(0)
        os.wait()

    server.before = once(become)


@attack
def storm_of_200_forks(server: Server) -> None:
    def storm(target: Path) -> None:
        for _ in range(200):
            if os.fork() == 0:
                os.setsid()
                for number in range(3):
                    os.close(number)
                time.sleep(SECONDS)
                os._exit(0)

    server.before = once(storm)


@attack
def stops_itself(server: Server) -> None:
    server.before = lambda target: os.kill(os.getpid(), signal.SIGSTOP)


@attack
def stops_its_parent(server: Server) -> None:
    server.before = once(lambda target: os.kill(os.getppid(), signal.SIGSTOP) if os.getppid() > 1 else None)


@attack
def stops_all_above_it(server: Server) -> None:
    def stop(target: Path) -> None:
        for pid in _ancestors():
            os.kill(pid, signal.SIGSTOP)

    server.before = once(stop)


@attack
def kills_its_parent(server: Server) -> None:
    server.before = once(lambda target: os.kill(os.getppid(), signal.SIGKILL) if os.getppid() > 1 else None)


@attack
def kills_its_group(server: Server) -> None:
    server.before = lambda target: os.killpg(0, signal.SIGKILL)


@attack
def never_answers(server: Server) -> None:
    server.before = lambda target: time.sleep(SECONDS)


@attack
def ignores_every_signal(server: Server) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    server.after = lambda target: time.sleep(SECONDS)


@attack
def ends_with_0(server: Server) -> None:
    server.before = lambda target: os._exit(0)
