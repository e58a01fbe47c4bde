"""Judges the readers and writers in other languages with ``--strict``: ``python scripts/languages.py``.

A language whose toolchain is missing, or too old, is named and counts as a failure, because what was not judged must
not look like what passed; ``--allow-missing`` lets the others decide. Other options go to ``pulse conformance``. Exit
codes: 0 all judged and conformant, 1 not, 2 usage.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Toolchain(NamedTuple):
    """What one implementation needs."""

    command: tuple[str, ...]
    """Prints the version."""
    oldest: tuple[int, int]


TOOLCHAINS = {
    "rust": Toolchain(("cargo", "--version"), (1, 85)),
    "go": Toolchain(("go", "version"), (1, 22)),
    "node": Toolchain(("node", "--version"), (18, 0)),
}
"""By the name of the folder under ``conformance/implementations``; the versions are those that their sources need."""

KILLS = 10
"""Kills in a row; 100, the usual number, take up to half of the time of a run."""


def shortcoming(toolchain: Toolchain) -> str | None:
    """What is wrong with the toolchain on this machine, or ``None``."""
    program, oldest = toolchain.command[0], ".".join(map(str, toolchain.oldest))
    if shutil.which(program) is None:
        return f"{program} is missing: install {oldest} or later"
    printed = subprocess.run(toolchain.command, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", printed)
    if found is None:
        return f"{program} does not tell its version: {printed!r}"
    if (int(found[1]), int(found[2])) < toolchain.oldest:
        return f"{program} is {found[0]}: install {oldest} or later"
    return None


def judge(name: str, options: Sequence[str]) -> int:
    """Judge one implementation; its output is passed on. Returns the exit code of ``pulse conformance``."""
    command = [sys.executable, "-P", "-m", "pulse", "conformance", "--impl", name, "--strict", f"--kills={KILLS}"]
    return subprocess.run([*command, *options]).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the implementations and print one line for each. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Judge the readers and writers in other languages with --strict.")
    parser.add_argument("--allow-missing", action="store_true", help="a missing toolchain is named, but no failure")
    parser.add_argument("--only", action="append", choices=TOOLCHAINS, help="judge this one; repeatable")
    known, options = parser.parse_known_args(arguments)
    verdicts = {}
    for name in known.only or TOOLCHAINS:
        missing = shortcoming(TOOLCHAINS[name])
        if missing is None:
            code = judge(name, options)
            verdicts[name] = ("conformant", True) if code == 0 else (f"failed, exit code {code}", False)
        else:
            verdicts[name] = (f"not judged: {missing}", known.allow_missing)
    for name, (text, _) in verdicts.items():
        print(f"{name}: {text}")
    return 0 if all(accepted for _, accepted in verdicts.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
