"""What repro.py asks the program for again, where one request shows a failure: taken from what the run recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conformance.reporting.results import Result
from conformance.vectors import load_vectors

__all__ = ["replay_of"]

# The contents of RDR-03, by the names of its cases.
_EMPTY = {"empty": "", "space": " ", "line-feed": "\n", "white-space": " \t\r\n" * 100}
_WITH_A_VECTOR = ("valid", "invalid", "hard_on_the_parser")


def replay_of(kind: str, result: Result) -> Mapping[str, Any] | None:
    """The request of a failed case, for subject.json; None where the evidence does not have it whole.

    ``kind`` is ``write``: what was to be written, as it was sent; or ``read``: what was to be read, which is the name
    of one of the kit's documents or a text, and what must come back.
    """
    return _written(result) if kind == "write" else _read(result)


def _written(result: Result) -> Mapping[str, Any] | None:
    transcript = result.evidence.get("transcript", ())
    for line in reversed(transcript if isinstance(transcript, list | tuple) else ()):
        # The request is ASCII, so that the arrow is not in it; a long one was cut and is no JSON any more.
        try:
            request = json.loads(str(line).partition(" → ")[0])
        except ValueError:
            return None
        if isinstance(request, dict) and request.get("op") == "write" and isinstance(request.get("status"), dict):
            return {"case": f"{result.clause} {result.case}", "status": request["status"]}
    return None


def _read(result: Result) -> Mapping[str, Any] | None:
    test, _, name = result.case.partition(":")
    about = {"case": f"{result.clause} {result.case}", "expected": None}
    if test == "missing":
        return about
    if test == "empty":
        return {**about, "text": _EMPTY[name]} if name in _EMPTY else None
    vector = next((vector for vector in load_vectors() if vector.name == name), None)
    if test not in _WITH_A_VECTOR or vector is None:
        return None
    return {**about, "file": vector.path.name, "expected": vector.expected}
