"""An adapter (profile ``replace``, mode ``serve``) with one fault, or none: ``python faulty.py FAULT``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
BYTES: dict[str, Callable[[str], bytes]] = {
    "latin-1": lambda text: text.encode("latin-1", "replace"),
    "utf-16": lambda text: text.encode("utf-16"),
    "bom": lambda text: text.encode("utf-8-sig"),
    "line-ends": lambda text: text.replace("\r\n", "\n").encode(),
    "line-feed-added": lambda text: f"{text}\n".encode(),
    "escapes": lambda text: json.dumps(text)[1:-1].encode(),
    "cut": lambda text: text.encode()[:10],
    "empty": lambda text: b"",
    "other": lambda text: b"something else",
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "start":
        return {"ok": True, "protocol": 2 if FAULT == "protocol" else 1, "name": "faulty"}
    if request["op"] == "stop":
        return {"ok": True}
    if request["op"] != "replace":
        return {"ok": True} if FAULT == "anything-goes" else {"ok": False, "error": "unsupported"}
    if FAULT == "die-at-write":
        sys.exit("no such thing")
    if FAULT == "refuse":
        return {"ok": False, "error": "io", "message": "no"}
    if FAULT == "long-line" and len(request["text"]) > 65536:
        return {"ok": False, "error": "io", "message": "token too long"}
    if FAULT != "nothing-written":
        try:
            Path(request["path"]).write_bytes(BYTES.get(FAULT, str.encode)(request["text"]))
        except OSError as error:
            if FAULT == "die-at-error":
                raise
            if FAULT != "hide-errors":
                kind = "EIO" if FAULT == "unknown-error" else "io"
                return {"ok": False, "error": kind, "message": str(error)}
    return {"ok": True}


def printed(number: int, fields: dict[str, Any]) -> bytes:
    name = {"wrong-id": number + 1, "text-id": str(number)}.get(FAULT, number)
    line = json.dumps(fields if FAULT == "no-id" else {"id": name, **fields})
    if FAULT == "no-ok":
        line = line.replace('"ok"', '"done"')
    ends = {"crlf": "\r\n", "no-line-feed": ""}.get(FAULT, "\n")
    encoding = {"answer-bom": "utf-8-sig", "answer-utf-16": "utf-16-le"}.get(FAULT, "utf-8")
    start = {"chatty": b"ready\n", "answer-latin-1": b'{"who":"\xe9",'}.get(FAULT, b"")
    return (
        start
        + (line[1:] if FAULT == "answer-latin-1" else line + ends).encode(encoding)
        + (b"\n" if FAULT == "answer-latin-1" else b"")
    )


def main() -> None:
    if FAULT == "die-at-start":
        sys.exit("cannot find the library")
    if FAULT == "silent":
        sys.stdin.read()
        return
    if FAULT == "prose":
        print("Welcome!", flush=True)
        sys.stdin.read()
        return
    output, unflushed = sys.stdout.buffer, b""
    for count, line in enumerate(sys.stdin):
        if FAULT == "second" and count == 1:
            return
        request = json.loads(line)
        if FAULT == "ignore-stop" and request["op"] == "stop":
            continue
        unflushed += printed(request["id"], answer(request))
        if FAULT != "no-flush":  # not left to the library, which may flush by itself (PYTHONUNBUFFERED)
            output.write(unflushed)
            output.flush()
            unflushed = b""
        if request["op"] == "stop":
            if FAULT == "stay":
                sys.stdin.read()
            sys.exit(3 if FAULT == "exit-code" else 0)
    output.write(unflushed)
    output.flush()


main()
