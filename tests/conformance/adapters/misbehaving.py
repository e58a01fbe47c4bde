"""A small correct writer (profile ``pulse``, mode ``serve``) that misbehaves at one request of each process.

``python misbehaving.py HOW NUMBER [FOLDER]``: NUMBER is the request at which it does HOW; FOLDER is where it leaves
files for the tests. In a run, request 0 is ``start``; the smoke stage sends 1, a write, a write that should be refused,
which is not counted and is meant by -1 (it is written here), and 2, ``stop``; later each case sends its own, until the
process is started again. Two values of HOW apply to every request, whatever NUMBER is: ``log-requests``, and
``ascii-only``, a writer that loses what is not ASCII.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

HOW, NUMBER = sys.argv[1], int(sys.argv[2])
FOLDER = Path(sys.argv[3] if len(sys.argv) > 3 else ".")
DEFAULTS = {"epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": ""}


def write(path: str, status: dict[str, Any]) -> None:
    """Publish the status without checking it."""
    document = {**DEFAULTS, "timestamp": int(time.time()), **status}
    for name in ("epoch", "total_epochs", "loss"):
        document[name] = float(document[name])
    if HOW == "ascii-only":
        document["message"] = document["message"].encode("ascii", "replace").decode("ascii")
    descriptor, temp = tempfile.mkstemp(suffix=".tmp", dir=os.path.dirname(path))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temp, path)


def say(text: str) -> None:
    """Print a line as it is."""
    print(text, flush=True)


def hang() -> NoReturn:
    """Never answer and never end."""
    threading.Event().wait()
    raise AssertionError("the event was set")


def die() -> NoReturn:
    """End as a crash does."""
    print("cannot go on: the reason why", file=sys.stderr, flush=True)
    os._exit(7)


def refuse(number: int, kind: str) -> str:
    """A failure, as the protocol reports it."""
    return json.dumps({"id": number, "ok": False, "error": kind, "message": "no, and this is why"})


def leave_trace(name: str, text: str) -> None:
    """Write a file for the tests atomically: while it is being written, no ``name-*`` matches it."""
    temp = FOLDER / f".{name}"
    temp.write_text(text, encoding="utf-8")
    temp.rename(FOLDER / name)


def start_grandchild() -> None:
    """Start a process in our group that outlives us unless it is killed."""
    nothing: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    grandchild = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"], **nothing)
    leave_trace(f"grandchild-{grandchild.pid}", str(grandchild.pid))


def misbehave(number: int, usual: str) -> str:
    """The text to print in place of the usual answer (empty: print no more), if this returns at all."""
    match HOW:
        case "garbage":
            return "Welcome to the writer!"
        case "not-utf-8":
            sys.stdout.buffer.write(b'{"id": %d, "ok": true, "message": "\xff"}\n' % number)
            sys.stdout.buffer.flush()
            return ""
        case "not-an-object":
            return f"[{number}]"
        case "next-id":
            return usual.replace(f'"id": {number}', f'"id": {number + 1}')
        case "text-for-id":
            return usual.replace(f'"id": {number}', f'"id": "{number}"')
        case "text-for-ok":
            return json.dumps({**json.loads(usual), "ok": "yes"})
        case "unknown-error":
            return refuse(number, "oops")
        case "unsupported" | "io":
            return refuse(number, HOW)
        case "other-protocol":
            return usual.replace('"protocol": 1', '"protocol": 2')
        case "two-lines":
            return f"{usual}\n{usual}"
        case "log-to-stderr":
            print("x" * 10_000 + "the end of it", file=sys.stderr, flush=True)
            return usual
        case "die":
            die()
        case "die-for-good":
            leave_trace("dead", "")
            die()
        case "answer-and-die":
            say(usual)
            die()
        case "die-with-a-grandchild":
            start_grandchild()
            die()
        case "half-a-line":
            sys.stdout.write(usual[:10])
            sys.stdout.flush()
            die()
        case "endless-line":
            while True:
                sys.stdout.write("x" * 65536)
        case "close-stdout":
            os.close(1)
            hang()
        case "hang":
            hang()
        case "hang-and-say-so":
            leave_trace(f"hanging-{os.getpid()}", str(os.getpid()))
            hang()
        case "hang-with-a-grandchild":
            start_grandchild()
            hang()
        case "hang-ignoring-sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("deaf", file=sys.stderr, flush=True)
            hang()
        case "exit-non-zero":
            say(usual)
            sys.exit(5)
        case "do-not-exit":
            say(usual)
            hang()
        case _:
            raise ValueError(HOW)


def answer(request: dict[str, Any]) -> str:
    """The correct answer."""
    fields: dict[str, Any] = {"id": request["id"], "ok": True}
    if request["op"] == "start":
        fields.update(protocol=1, name="misbehaving", version="7", language="python")
    elif request["op"] == "write":
        write(request["path"], request["status"])
    elif request["op"] != "stop":
        return refuse(request["id"], "unsupported")
    return json.dumps(fields)


def main() -> None:
    counted = itertools.count()
    for line in sys.stdin:
        if (FOLDER / "dead").exists():
            die()
        if HOW == "log-requests":
            with (FOLDER / "requests.jsonl").open("a", encoding="utf-8") as log:
                log.write(line)
        request = json.loads(line)
        usual = answer(request)
        refusable = request.get("status", {}).get("status") == "no-such-status"
        number = -1 if refusable else next(counted)
        if HOW not in ("behave", "log-requests", "ascii-only") and number == NUMBER:
            usual = misbehave(request["id"], usual)
        if usual:
            say(usual)
        if request["op"] == "stop":
            return


main()
