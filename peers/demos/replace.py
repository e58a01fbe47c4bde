"""Replaces one file by a library, without the kit: ``python replace.py MANIFEST PATH < TEXT``; prints the answer.

The manifest's `setup` has to be run first, by hand, in the manifest's folder. In mode serve the words of ``UNDER`` come
before the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path


def main(manifest: Path, path: str, text: str) -> str:
    """Ask the library once. Returns its answer: ``ok``, or what it said instead."""
    about = tomllib.loads(manifest.read_text("utf-8"))["implementation"]
    path = os.path.join(os.getcwd(), path)  # ``..`` stays: where it leads, links decide
    if about["mode"] == "python":
        sys.path.insert(0, str(manifest.parent.resolve()))
        module, _, name = about["callable"].partition(":")
        try:
            getattr(import_module(module), name)().replace(path, text)
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return "ok"
    if about["mode"] == "oneshot":
        command = [*about["command"], "replace", path]
        done = subprocess.run(command, input=text, text=True, cwd=manifest.parent, check=False, restore_signals=False)
        return "ok" if done.returncode == 0 else f"exit code {done.returncode}"
    words = [sys.executable if word == "{python}" else word for word in about["command"]]
    words = [*os.environ.get("UNDER", "").split(), *words]
    requests: list[dict[str, object]] = [
        {"op": "start", "protocol": 1},
        {"op": "replace", "path": path, "text": text},
        {"op": "stop"},
    ]
    lines = "".join(json.dumps({"id": number, **request}) + "\n" for number, request in enumerate(requests))
    # An ignored SIGXFSZ stays ignored (see size_limit.sh).
    done = subprocess.run(
        words, input=lines, stdout=subprocess.PIPE, text=True, cwd=manifest.parent, check=False, restore_signals=False
    )
    answers = done.stdout.splitlines()
    if len(answers) < 2:
        return f"no answer; exit code {done.returncode}"
    answer = json.loads(answers[1])
    return "ok" if answer["ok"] else answer.get("message") or answer["error"]


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], sys.stdin.read()))
