"""CON-01, CON-03, CON-04, VIS-01: two writers of one target, and a reader. ``python writers.py MANIFEST [threads]``.

Each document is one letter, 20,000 times, so that every read must be 20,000 times one letter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import IO, Any

WRITES, SIZE = 400, 20_000
ROUNDS = 10  # at most: two writers do not always meet


def call(writer: Any, path: str, letter: str, answers: Counter[str]) -> None:
    """Write again and again by a Python object."""
    for _ in range(WRITES):
        try:
            writer.replace(path, letter * SIZE)
            answers["ok"] += 1
        except OSError as error:
            answers[f"{type(error).__name__}: {error.strerror}"] += 1


def ask(command: list[str], folder: Path, path: str, letter: str, answers: Counter[str]) -> None:
    """Write again and again by an adapter, which is a process of its own."""
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    def request(number: int, stdin: IO[str], stdout: IO[str], **members: object) -> dict[str, Any]:
        print(json.dumps({"id": number, **members}), file=stdin, flush=True)
        return dict(json.loads(stdout.readline()))

    request(0, process.stdin, process.stdout, op="start", protocol=1)
    for number in range(1, WRITES + 1):
        answer = request(number, process.stdin, process.stdout, op="replace", path=path, text=letter * SIZE)
        answers["ok" if answer["ok"] else str(answer.get("message")).split(",")[0]] += 1
    process.stdin.close()
    process.wait()


def writing(
    about: dict[str, Any], manifest: Path, path: str, threads: bool, answers: Counter[str]
) -> list[threading.Thread]:
    """Two writers, not started yet."""
    if about["mode"] == "python":
        sys.path.insert(0, str(manifest.parent.resolve()))
        module, _, name = about["callable"].partition(":")
        writer = getattr(import_module(module), name)()
        if threads:
            return [threading.Thread(target=call, args=(writer, path, letter, answers)) for letter in "ab"]
        command = [sys.executable, __file__, str(manifest), path]
        return [threading.Thread(target=one_process, args=([*command, letter], answers)) for letter in "ab"]
    command = [sys.executable if word == "{python}" else word for word in about["command"]]
    arguments = (command, manifest.parent, path)
    return [threading.Thread(target=ask, args=(*arguments, letter, answers)) for letter in "ab"]


def main(manifest: Path, threads: bool) -> None:
    """Print the answers and what was read."""
    about = tomllib.loads(manifest.read_text("utf-8"))["implementation"]
    path = os.path.join(tempfile.mkdtemp(), "status.json")
    Path(path).write_text("o" * SIZE)
    answers: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    for _ in range(ROUNDS):
        running = writing(about, manifest, path, threads, answers)
        for thread in running:
            thread.start()
        while any(thread.is_alive() for thread in running):
            text = Path(path).read_text()
            whole = len(text) == SIZE and len(set(text)) == 1
            reads["whole" if whole else "empty" if not text else "torn"] += 1
        if len(reads) > 1 or answers.total() - answers["ok"] > WRITES // 4:
            break
    print("answers:", *(f"{number} {answer}" for answer, number in sorted(answers.items())), sep="\n  ")
    print("reads:", *(f"{number} {kind}" for kind, number in sorted(reads.items())), sep="\n  ")


def one_process(command: list[str], answers: Counter[str]) -> None:
    """Write again and again in a process of its own, by a Python object."""
    answers.update(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))


if __name__ == "__main__":
    if len(sys.argv) == 4:  # a process that ``main`` has started
        location = Path(sys.argv[1])
        sys.path.insert(0, str(location.parent.resolve()))
        entry, _, attribute = tomllib.loads(location.read_text("utf-8"))["implementation"]["callable"].partition(":")
        found: Counter[str] = Counter()
        call(getattr(import_module(entry), attribute)(), sys.argv[2], sys.argv[3], found)
        print(json.dumps(found))
    else:
        main(Path(sys.argv[1]), sys.argv[2:] == ["threads"])
