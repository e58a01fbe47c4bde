"""Runs mypy for the three platforms side by side: ``python scripts/type_check.py [ARGUMENT…]``, arguments of mypy.

Each has a cache of its own, because mypy starts anew where a cache was made for another platform. Exit codes: 0 no
error on any platform, 1 otherwise.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

PLATFORMS = ("linux", "win32", "darwin")


def checked(platform: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run mypy for one platform. Returns what it printed."""
    options = ("--platform", platform, "--cache-dir", f".mypy_cache/{platform}")
    command = [sys.executable, "-m", "mypy", *options, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main(arguments: Sequence[str]) -> int:
    """Run mypy for all platforms and print what each found. Returns the exit code."""
    with ThreadPoolExecutor(len(PLATFORMS)) as pool:
        found = list(pool.map(lambda platform: checked(platform, arguments), PLATFORMS))
    for platform, done in zip(PLATFORMS, found, strict=True):
        print(f"{platform}: {done.stdout}", end="", flush=True)
    return int(any(done.returncode for done in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
