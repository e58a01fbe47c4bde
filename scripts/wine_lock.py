"""Prints a new ``wine-requirements.txt``.

    python scripts/wine_lock.py > new && mv new scripts/wine-requirements.txt

What the kit and the group ``test`` need, as Windows needs it, for both Pythons of ``wine_python.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HEADER = """\
# What the Windows Python under Wine is made of, by scripts/wine_python.py; printed by scripts/wine_lock.py.
# panda3d: the interpreter. colorama: needed on Windows only, and pip looks at the system that it runs on.
# numpy 1.26.4: later ones need `crealf`, which the C library of Wine 8 lacks. The kit needs no more of numpy than this
# one has, apart from Python 3.13 and later.
"""
PINNED = ("colorama", "numpy==1.26.4", "panda3d==1.10.16")


def found(requirements: list[str], minor: str) -> list[tuple[str, str, str]]:
    """Name, version and hash of each wheel that pip would install on Windows with this Python."""
    platform = ["--platform", "win_amd64", "--python-version", minor, "--implementation", "cp"]
    only = ["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--target", "unused", "--report", "-"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *only, *platform, *requirements]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return [
        (
            wheel["metadata"]["name"].lower(),
            wheel["metadata"]["version"],
            wheel["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for wheel in report["install"]
    ]


def main() -> None:
    project = tomllib.loads(Path(__file__).parent.with_name("pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    requirements = [*(entry for entry in wanted if not entry.startswith(("numpy", "pulse-status"))), *PINNED]
    hashes: dict[str, list[str]] = {}
    for minor in ("3.11", "3.12"):
        for name, version, digest in found(requirements, minor):
            known = hashes.setdefault(f"{name}=={version}", [])
            if digest not in known:
                known.append(digest)
    print(HEADER, end="")
    for requirement, digests in sorted(hashes.items()):
        print(requirement, *(f"--hash=sha256:{digest}" for digest in digests), sep=" \\\n    ")


if __name__ == "__main__":
    main()
