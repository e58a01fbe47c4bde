"""Hostile implementations, one after another: ``python -m tests.hostile``, which is what ``tox -e hostile`` runs.

Each attack of `tests.hostile.implementation` is judged in namespaces of its own (mounts, processes, IPC), on a small
file system in memory beside a tree of canaries. Afterwards nothing may be left there: no process, mount, loop device,
shared memory or folder, and no canary may have changed. Linux, as root. Exit codes: 0 nothing was left, 1 something
was, 2 it cannot be run here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.hostile.implementation import ATTACKS

HERE = Path(__file__).parent
SECONDS = 90.0  # of one run, before it counts as hung
SPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc")
_MANIFEST = """\
[implementation]
name = "hostile"
language = "python"
profile = "pulse"
roles = ["writer"]
mode = "serve"
command = ["{{python}}", {program}, {attack}]
"""
# One that only writes, and one that traces: enough for every attack to happen, and quick.
_CLAUSES = ("DOC-01", "VIS-02")
# It stops every process of the kit, the guard that lets stopped ones go on included: against that nothing holds.
HANGS = ("stops-all-above-it",)
LEFT = ("processes", "mounts", "shared memory", "loop devices", "folders")


def run(attack: str, seed: int, seconds: float = SECONDS, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """One run with these options of the kit, which is ended after so many seconds.

    Raises RuntimeError when the namespaces cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as where:
        folder = Path(where)
        manifest = _MANIFEST.format(program=json.dumps(str(HERE / "implementation.py")), attack=json.dumps(attack))
        (folder / "implementation.toml").write_text(manifest, encoding="utf-8")
        work = folder / "work"
        work.mkdir()
        kit = [sys.executable, "-m", "pulse", "conformance", "--impl", str(folder / "implementation.toml")]
        kit += [*("-n", "0", "--answer-seconds", "2", "--start-seconds", "20", "--seed", str(seed))]
        kit += options
        kit += [word for clause in _CLAUSES for word in ("--clause", clause)]
        script = (
            'mount -t tmpfs -o size=256m hostile "$1" && mount -t tmpfs -o size=16m shm /dev/shm && '
            'mkdir -p "$1/tmp" "$1/canaries/a" && echo canary >"$1/canaries/a/file" && echo canary >"$1/canaries/b" && '
            'chmod 750 "$1/canaries/a" && exec "${@:2}"'
        )
        inside = [sys.executable, "-m", "tests.hostile.inside", str(work), str(seconds), *kit]
        environment = {**os.environ, "TMPDIR": str(work / "tmp"), "CANARIES": str(work / "canaries")}
        try:
            done = subprocess.run(
                [*SPACES, "bash", "-c", script, "bash", str(work), *inside],
                capture_output=True,
                text=True,
                env=environment,
                timeout=seconds + 60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"exit": None, "seconds": seconds, "silence": seconds, "memory": 0, "the runner": ["killed too"]}
        if done.returncode < 0 and not done.stdout:  # everything in the namespaces is gone with its first process
            return {"exit": None, "seconds": 0.0, "silence": 0.0, "memory": 0, "the runner": ["killed too"]}
        if done.returncode != 0:
            raise RuntimeError(f"no namespaces here: {done.stderr[-500:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def left_by(attack: str, found: dict[str, Any]) -> list[str]:
    """What a run must not leave, in words."""
    left = [f"{len(found[what])} {what}" for what in (*LEFT, "the runner") if found.get(what)]
    if found.get("canaries"):
        left.append("CANARIES CHANGED")
    if found.get("escapes"):
        left.append("escape sequences printed")
    if found["exit"] is None and attack not in HANGS:
        left.append("hung")
    return left


def main() -> int:
    """Run what was asked for, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="only attacks in whose name this occurs")
    parser.add_argument("--runs", type=int, help="runs in a row, each attack in turn (default: each once)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the attacks")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a run, before it counts as hung")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; each has namespaces of its own")
    parser.add_argument("--sandbox", action="store_true", help="run the implementations in the kit's sandbox")
    given = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        print("needs Linux, root and util-linux's unshare", file=sys.stderr)
        return 2
    chosen = [name for name in ATTACKS if not given.attacks or any(part in name for part in given.attacks)]
    random.Random(given.seed).shuffle(chosen)
    bad, begin, silence, memory, used = 0, time.monotonic(), 0.0, 0, 0.0
    runs = given.runs or len(chosen)
    print(f"{'attack':38} {'exit':>4} {'s':>6} {'cpu':>5} {'silent':>6} {'MB':>6}  left")
    attacks = [chosen[number % len(chosen)] for number in range(runs)]
    options = ("--sandbox",) if given.sandbox else ()
    with ThreadPoolExecutor(given.jobs) as pool:
        results = pool.map(run, attacks, range(runs), [given.seconds] * runs, [options] * runs)
        for attack, found in zip(attacks, results, strict=True):
            left = left_by(attack, found)
            bad += bool(left)
            silence, memory = max(silence, found["silence"]), max(memory, found["memory"])
            used += found.get("cpu", 0.0)
            code = "-" if found["exit"] is None else found["exit"]
            numbers = f"{code:>4} {found['seconds']:6.1f} {found.get('cpu', 0.0):5.1f} {found['silence']:6.1f}"
            said = f"nothing (said: {', '.join(found['said'])})" if found.get("said") else "nothing"
            print(f"{attack:38} {numbers} {found['memory'] / 1e6:6.0f}  {', '.join(left) or said}", flush=True)
            for what in (*LEFT, "canaries"):
                if found.get(what):
                    print(f"{'':6}{what}: {', '.join(map(repr, found[what][:5]))}", flush=True)
    print(
        f"{runs} runs of {len(chosen)} attacks in {time.monotonic() - begin:.0f} s ({used:.0f} s of CPU): {bad} left "
        f"something; the longest silence {silence:.1f} s, the most memory {memory / 1e6:.0f} MB"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
