"""Judges what `pulse init` writes, each language with the whole suite: ``python scripts/templates.py [LANGUAGE…]``.

A language whose tools are missing is named and counts as a failure, because what was not judged must not look like what
passed. Exit codes: 0 all conformant, 1 not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.commands.adapter.init import LANGUAGES

KILLS = 10
"""Kills in a row, as for `scripts/languages.py`."""


def judge(language: str, folder: Path) -> str:
    """Write the template into a folder and judge it; the output is passed on. Returns what is wrong, or nothing."""
    if missing := [tool for tool in LANGUAGES[language].tools if shutil.which(tool) is None]:
        return f"not judged: {', '.join(missing)} is missing"
    written = [sys.executable, "-P", "-m", "conformance.commands.adapter.init", "--language", language, str(folder)]
    judged = [sys.executable, "-P", "-m", "pulse", "conformance", "--impl", str(folder), f"--kills={KILLS}"]
    for command in (written, judged):
        if code := subprocess.run(command).returncode:
            return f"failed, exit code {code}"
    return ""


def main(languages: Sequence[str]) -> int:
    """Judge these, by default all, and print one line for each. Returns the exit code."""
    unknown = [name for name in languages if name not in LANGUAGES]
    if unknown:
        print(f"no template for {', '.join(unknown)}; there are {', '.join(LANGUAGES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        found = {name: judge(name, Path(folder, name)) for name in languages or LANGUAGES}
    for name, wrong in found.items():
        print(f"{name}: {wrong or 'conformant'}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
