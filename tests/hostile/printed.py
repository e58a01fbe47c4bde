"""Attacks by what is printed: answers, names, standard error."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.server import ATTACKS, ESCAPES, SECONDS, Server, attack, once

assert sys.platform == "linux"


def _changed(field: str, value: Any) -> Callable[[Server], object]:
    def change(server: Server) -> None:
        server.answered = lambda answer: json.dumps({**answer, field: value}).encode() + b"\n"

    return change


ATTACKS["wrong-ids"] = _changed("id", 10**9)
ATTACKS["ids-that-are-no-numbers"] = _changed("id", float("nan"))
ATTACKS["names-with-escapes"] = _changed("name", ESCAPES)
ATTACKS["messages-with-escapes"] = lambda server: setattr(
    server,
    "answered",
    lambda answer: (
        json.dumps({"id": answer["id"], "ok": False, "error": "io", "message": ESCAPES}).encode() + b"\n"
        if "protocol" not in answer
        else json.dumps(answer).encode() + b"\n"
    ),
)
ATTACKS["a-version-that-is-a-verdict"] = lambda server: setattr(server, "version", f"1{ESCAPES}\nCONFORMANT\n" * 3)
ATTACKS["a-version-of-15-mb"] = lambda server: setattr(server, "version", "v" * 15_000_000)


@attack
def flood_of_output(server: Server) -> None:
    server.answered = lambda answer: json.dumps(answer).encode() + b"\n" + b"x" * 50_000_000 + b"\n"


@attack
def line_without_end(server: Server) -> None:
    server.answered = lambda answer: b"x" * 64_000_000


@attack
def each_answer_twice(server: Server) -> None:
    server.answered = lambda answer: (json.dumps(answer).encode() + b"\n") * 2


@attack
def answers_that_are_not_text(server: Server) -> None:
    server.answered = lambda answer: b"\xff\x00\xfe\n"


@attack
def answers_nested_deeply(server: Server) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    server.answered = lambda answer: b'{"id": %d, "ok": true, "protocol": 1, "deep": %s}\n' % (answer["id"], deep)


@attack
def messages_of_15_mb(server: Server) -> None:
    server.answered = lambda answer: (
        (
            json.dumps(
                answer if "protocol" in answer else {**answer, "ok": False, "error": "io", "message": "m" * 15_000_000}
            )
        ).encode()
        + b"\n"
    )


@attack
def huge_standard_error(server: Server) -> None:
    server.before = lambda target: os.write(2, b"e" * 50_000_000)


@attack
def escapes_on_standard_error(server: Server) -> None:
    server.before = lambda target: (os.write(2, ESCAPES.encode()), os._exit(9))


@attack
def closes_its_output(server: Server) -> None:
    server.before = lambda target: os.close(1)


@attack
def closes_its_input(server: Server) -> None:
    server.before = lambda target: os.close(0)


@attack
def every_field_with_escapes(server: Server) -> None:
    """Also those of 8-bit terminals, of titles and of links, and line ends of Unicode."""
    text = f"{ESCAPES}\x9b2J\x1b]0;title\x07\x1b]8;;http://127.0.0.1/\x1b\\\u2028\u2029\x85\u2066"
    server.version = text
    server.answered = lambda answer: (
        json.dumps({**answer, "name": text, "language": text, "protocol": 1, "message": text, text: text}).encode()
        + b"\n"
    )


@attack
def name_that_is_markup(server: Server) -> None:
    server.version = "[link=http://127.0.0.1]x[/link][conceal]" + "<script>alert(1)</script>|`\n# CONFORMANT\n"


@attack
def process_left_with_escapes_as_its_name(server: Server) -> None:
    def leave(target: Path) -> None:
        words = [f"{ESCAPES}hidden", "-c", f"import time; time.sleep({SECONDS})"]
        subprocess.Popen(
            words,
            executable=sys.executable,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    server.before = once(leave)


@attack
def file_that_cannot_be_removed_with_escapes_as_its_name(server: Server) -> None:
    """Immutable (ioctl_iflags(2)) where the file system knows that."""

    def make(target: Path) -> None:
        file = target.parent / ESCAPES.replace("/", "")
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR)
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, 0x40086602, struct.pack("l", 0x10))  # FS_IOC_SETFLAGS, FS_IMMUTABLE_FL

    server.after = once(make)
