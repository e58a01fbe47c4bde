"""SIGKILL of the main process at random moments: ``python -m tests.hostile.kills``, a part of ``tox -e hostile``.

Each command runs in namespaces of its own and is killed at seeded moments. What is left a few seconds later is counted:
processes, and folders in TMPDIR; and again after one more run in the same TMPDIR. Linux, as root. Exit codes: 0 nothing
was left by then, or the next run said what; 1 something was left without a word, 2 it cannot be run here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.hostile.__main__ import SPACES

assert sys.platform == "linux"

# So many that the run lasts longer than any moment.
_REWRITES = "for number in range(20): open('status.json', 'w').write('{}')"
COMMANDS: dict[str, tuple[str, ...]] = {
    # By module: `pulse` itself only finds the command.
    "conformance": ("conformance.cli", "--clause", "KIL-*", "--clause", "VIS-*", "-n", "2"),
    "stress": ("stress", "--seconds", "20", "--chaos", "kill,pause"),
    "stress suite": ("stress", "suite", "-n", "2"),
    "stress powercut": ("stress", "powercut", "--cuts", "5"),
    "judge": ("conformance.commands.judge.command", "--", sys.executable, "-c", _REWRITES),
    "audit": ("conformance.commands.audit.command",),
    "selfcheck": ("conformance.selfcheck", "always-0600", "plain"),
}
_LONGEST = 12.0  # seconds after the start at which the main process is killed at the latest
_PATIENCE = 15.0  # seconds for what ends by itself
_NEXT = ("conformance.cli", "--clause", "DOC-01", "--case", "members:idle", "-n", "0")


def _processes() -> list[str]:
    from tests.hostile.inside import others

    return sorted(others().values())


def inside(folder: Path, moment: float, command: list[str]) -> None:
    """In the namespaces: kill the command, look, run the kit once more, look again; prints one line of JSON."""
    kit, temporary = [sys.executable, "-m"], folder / "tmp"
    report = ["--report", str(folder / "report")] if "audit" in command[0] else []
    (folder / "work").mkdir()
    with (folder / "output.txt").open("wb") as output:
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        running = subprocess.Popen([*kit, command[0], *report, *command[1:]], cwd=folder / "work", **quiet)
        try:
            running.wait(moment)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
        code = running.wait()
    end = time.monotonic() + _PATIENCE
    while _processes() and time.monotonic() < end:
        time.sleep(0.1)
    processes, folders = _processes(), sorted(os.listdir(temporary))
    later, unsaid = list[str](), list[str]()
    if folders:
        again = subprocess.run([*kit, *_NEXT], capture_output=True, text=True, check=False, timeout=600)
        later = sorted(set(os.listdir(temporary)) & set(folders))
        unsaid = [name for name in later if name not in again.stderr + again.stdout]
    print(json.dumps({"code": code, "processes": processes, "folders": folders, "later": later, "unsaid": unsaid}))


def one(command: tuple[str, ...], moment: float) -> dict[str, Any]:
    """One kill, in new namespaces. Raises RuntimeError when they cannot be made."""
    with tempfile.TemporaryDirectory(prefix="hostile-kills-") as where:
        script = 'mount -t tmpfs -o size=1g kills "$1" && mkdir "$1/tmp" && exec "${@:2}"'
        words = [sys.executable, "-m", "tests.hostile.kills", "--inside", where, str(moment), *command]
        environment = {**os.environ, "TMPDIR": f"{where}/tmp"}
        done = subprocess.run(
            [*SPACES, "bash", "-c", script, "bash", where, *words],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=900,
        )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-1000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Kill every command at so many moments, and print a table."""
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.kills", description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; default: all")
    parser.add_argument("--moments", type=int, default=50, help="kills of each command")
    parser.add_argument("--jobs", type=int, default=1, help="kills at a time; each has namespaces of its own")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        print("needs root and util-linux's unshare", file=sys.stderr)
        return 2
    bad = 0
    for name in given.commands or COMMANDS:
        drawn = random.Random(f"{given.seed} {name}")
        totals = {"killed": 0, "held": 0, "processes": 0, "folders": 0, "later": 0, "unsaid": 0}
        moments = [drawn.uniform(0.1, _LONGEST) for _ in range(given.moments)]
        with ThreadPoolExecutor(given.jobs) as pool:
            every = list(pool.map(one, [COMMANDS[name]] * len(moments), moments))
        for found in every:
            totals["killed"] += found["code"] == -signal.SIGKILL
            totals["held"] += bool(found["folders"])
            for what in ("processes", "folders", "later", "unsaid"):
                totals[what] += len(found[what])
            if found["processes"] or found["unsaid"]:
                print(f"{name}: {found['processes'][:3]} {found['unsaid'][:3]}", flush=True)
        bad += totals["processes"] + totals["unsaid"]
        print(
            f"{name}: {totals['killed']} of {given.moments} were running and killed; left: {totals['processes']} "
            f"processes, {totals['folders']} folders by {totals['held']} of them; after the next run "
            f"{totals['later']} folders, {totals['unsaid']} of them unsaid",
            flush=True,
        )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
