"""The first process of a hostile run's namespaces: runs the kit there, and says what was left, as one line of JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

__all__ = ["main", "others"]

assert sys.platform == "linux"

_ENDING = 5.0  # seconds for what is ending already


def _tree(folder: Path) -> dict[str, str]:
    """What is there: the kind, mode, owner and links of each, and a hash of its contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        contents = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = f"{about.st_mode:o} {about.st_uid} {about.st_nlink} {contents}"
    return found


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [
        f"{name}: {before.get(name, 'nothing')} → {after.get(name, 'nothing')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def others() -> dict[int, str]:
    """The command lines of all other processes here, by process id."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())[-120:]
    return found


def _shared_memory() -> set[str]:
    system_v = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    return {*os.listdir("/dev/shm"), *(f"System V {line.split()[1]}" for line in system_v)}


def _mounts() -> set[str]:
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="ascii").splitlines()}


def _loops(folder: Path) -> set[str]:
    """The loop devices whose file is in a folder: those of all others are seen here too."""
    found = set()
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8", errors="replace").startswith(f"{folder}/"):
                found.add(path.parts[3])
    return found


def _pss(pid: int) -> int:
    """The memory of a process in bytes, what it shares with others counted in part (proc_pid_smaps(5))."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    return 0


def _is_the_attacker(pid: int) -> bool:
    """Whether this is the program under test, or a fork of it: its memory is not bounded by the kit."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return any(word.endswith(b"hostile/implementation.py") for word in words[1:2])
    return True


class _Memory(threading.Thread):
    """The largest sum of the memory of the kit's processes here, in bytes: what forks share counts once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.ended = 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            kit = [pid for pid in psutil.pids() if pid != os.getpid() and not _is_the_attacker(pid)]
            self.peak = max(self.peak, sum(map(_pss, kit)))


def _run(command: list[str], seconds: float, output: Path) -> tuple[int | None, float]:
    """Run it. Returns the exit code, None when it had to be killed, and the longest time without output."""
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        begin = last = time.monotonic()
        size, silence = 0, 0.0
        while (code := process.poll()) is None:
            now = time.monotonic()
            if (new := output.stat().st_size) != size:
                size, last = new, now
            silence = max(silence, now - last)
            if now - begin > seconds:
                process.kill()
                process.wait()
                return None, silence
            time.sleep(0.05)
    return code, silence


def _of_records(name: str) -> bool:
    """Whether this is the folder of the kit's records, which stays with that of a folder that could not be removed."""
    return name.startswith("pulse-kit-runs-") and not name.endswith(".away")


def main(folder: Path, seconds: float, command: list[str]) -> None:
    """Run the kit with its temporary files in ``folder``, beside which are the canaries."""
    canaries, temporary = folder / "canaries", folder / "tmp"
    before = _tree(canaries), _mounts(), _shared_memory(), _loops(folder)
    memory = _Memory()
    memory.start()
    begin = time.monotonic()
    code, silence = _run(command, seconds, folder / "output.txt")
    lasted = time.monotonic() - begin
    memory.ended.set()
    memory.join()
    end = time.monotonic() + _ENDING
    while others() and time.monotonic() < end:
        time.sleep(0.05)
    said = (folder / "output.txt").read_bytes()
    shared = sorted(_shared_memory() - before[2])
    if code is None or code < 0:  # its own end was taken from it: the next run has to clean up
        program = "from conformance.runner.clean_up import remove_left_folders; remove_left_folders()"
        subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.DEVNULL)
    left = sorted(os.listdir(temporary))
    found: dict[str, Any] = {
        "exit": code,
        "seconds": round(lasted, 1),
        "silence": round(silence, 1),
        "memory": memory.peak,
        "escapes": b"\x1b" in said or "\u202e".encode() in said,
        "processes": sorted(others().values()),
        "canaries": _changed(before[0], _tree(canaries)),
        "mounts": sorted(_mounts() - before[1]),
        "cpu": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), 1),
        "shared memory": [name for name in shared if name.replace("V ", "V segment ").encode() not in said],
        "said": [name for name in shared if name.replace("V ", "V segment ").encode() in said],
        "loop devices": sorted(_loops(folder) - before[3]),
        "folders": sorted(name for name in left if name.encode() not in said and not (_of_records(name) and left[1:])),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
