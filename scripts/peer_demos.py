"""Shows the known failures of the libraries without the kit, as ``peers/demos/shown.toml`` lists them.

    python scripts/peer_demos.py [--built] [MANIFEST…]

As root, with strace, setfacl and what the manifests' `setup` needs; it runs in a copy of each manifest's folder. With
``--built`` it was run by hand in the folder itself. Exit code 1: something was not shown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "peers" / "demos"
PATIENCE = 600  # seconds for one script


class Demo(NamedTuple):
    """A script with its arguments, where ``{manifest}`` stands for the manifest, and what it must print."""

    manifest: str  # from the root of the checkout, without its ending
    clauses: tuple[str, ...]
    run: tuple[str, ...]
    prints: str  # a regular expression


def demos() -> list[Demo]:
    """What ``shown.toml`` lists, one for each manifest."""
    entries = tomllib.loads((HERE / "shown.toml").read_text("utf-8"))["shown"]
    return [
        Demo(manifest, tuple(entry["clauses"]), tuple(entry["run"].split()), entry["prints"])
        for entry in entries
        for manifest in entry["manifests"]
    ]


def built(manifest: Path, folder: Path) -> Path:
    """Copy the manifest's folder and run its set-up there. Raises CalledProcessError when that fails."""
    copy = folder / manifest.parent.name
    if not copy.exists():
        shutil.copytree(manifest.parent, copy, ignore=shutil.ignore_patterns("node_modules", "site", "target"))
    for command in tomllib.loads(manifest.read_text("utf-8"))["implementation"].get("setup", []):
        words = [sys.executable if word == "{python}" else word for word in command]
        subprocess.run(words, cwd=copy, check=True)
    return copy / manifest.name


def printed(run: tuple[str, ...], manifest: Path) -> str:
    """What a script prints about a library."""
    script, *arguments = run
    words = [sys.executable] if script.endswith(".py") else ["sh"]
    command = [*words, str(HERE / script), str(manifest), *arguments]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return f"not ended after {PATIENCE} s"
    return done.stdout


def show(manifest: str, wanted: Iterable[Demo], path: Path) -> int:
    """Run each script once. Returns how many did not print what they must."""
    outputs: dict[tuple[str, ...], str] = {}
    missing = 0
    for demo in wanted:
        output = outputs.setdefault(demo.run, "") or printed(demo.run, path)
        outputs[demo.run] = output
        found = re.search(demo.prints, output, re.MULTILINE)
        missing += not found
        said = found[0] if found else f"NOT SHOWN by {' '.join(demo.run)}:\n{output}"
        print(f"{manifest} {' '.join(demo.clauses)}: {said}", flush=True)
    return missing


def main(arguments: list[str]) -> int:
    """Show what is listed of these manifests, or of all. Returns the exit code."""
    in_place = "--built" in arguments
    names = [Path(name).resolve() for name in arguments if name != "--built"]
    every = demos()
    missing = 0
    with tempfile.TemporaryDirectory() as temporary:
        for manifest in dict.fromkeys(demo.manifest for demo in every):
            path = ROOT / f"{manifest}.toml"
            if names and path not in names:
                continue
            where = path if in_place else built(path, Path(temporary))
            missing += show(manifest, [demo for demo in every if demo.manifest == manifest], where)
    print(f"{missing} not shown")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
