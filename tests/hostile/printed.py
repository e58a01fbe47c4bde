"""Attacks by what is printed: answers, names, standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.hostile.server import ATTACKS, ESCAPES, Server, attack

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
