"""Writers that accept what they must refuse, or refuse in the wrong way (clauses REF)."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import MEMBERS, Honest
from conformance.mutation.registry import mutant


@mutant("accept_status", caught_by="REF-01")
def unknown_status_accepted(self: Honest, value: Any) -> Any:
    """Accepts any text as a status."""
    return str(value)


@mutant("accept_number", caught_by="REF-02")
def negative_accepted(self: Honest, name: str, value: Any) -> Any:
    """Accepts a negative epoch."""
    return Honest.accept_number(self, "loss", value)


@mutant("accept_number", caught_by="REF-02")
def negative_becomes_zero(self: Honest, name: str, value: Any) -> Any:
    """Writes 0.0 for a negative epoch."""
    number = Honest.accept_number(self, "loss", value)
    return number if name == "loss" else max(0.0, number)


@mutant("accept_number", caught_by="REF-03")
def nan_emitted(self: Honest, name: str, value: Any) -> Any:
    """Writes NaN and Infinity as bare words, as json.dumps does by default."""
    return value if _not_finite(value) else Honest.accept_number(self, name, value)


@mutant("accept_number", caught_by="REF-03")
def nan_as_null(self: Honest, name: str, value: Any) -> Any:
    """Writes null for a number that is not finite."""
    return None if _not_finite(value) else Honest.accept_number(self, name, value)


@mutant("accept_number", caught_by="REF-03")
def infinity_as_largest_number(self: Honest, name: str, value: Any) -> Any:
    """Writes the largest double for infinity."""
    return Honest.accept_number(self, name, sys.float_info.max if value == math.inf else value)


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


@mutant("accept_number", caught_by="REF-04")
def true_accepted(self: Honest, name: str, value: Any) -> Any:
    """Accepts True as 1.0, because a bool is an int."""
    return Honest.accept_number(self, name, int(value) if isinstance(value, bool) else value)


@mutant("accept_number", caught_by="REF-04")
def numeric_string_cast(self: Honest, name: str, value: Any) -> Any:
    """Accepts "1.0" as 1.0, because float() does."""
    return Honest.accept_number(self, name, float(value) if isinstance(value, str) else value)


@mutant("accept_number", caught_by="REF-04")
def null_becomes_zero(self: Honest, name: str, value: Any) -> Any:
    """Accepts None as 0.0."""
    return Honest.accept_number(self, name, value or 0.0)


@mutant("accept_message", caught_by="REF-04")
def anything_as_text(self: Honest, value: Any) -> Any:
    """Accepts any value as a message, because str() does."""
    return str(value)


@mutant("accept_timestamp", caught_by="REF-04")
def timestamp_cast(self: Honest, value: Any) -> Any:
    """Accepts a fraction, a string or True as a timestamp, because int() does."""
    return Honest.accept_timestamp(self, int(value))


@mutant("accept_names", caught_by="DOC-01")
def unknown_member_dropped(self: Honest, status: Mapping[str, Any]) -> dict[str, Any]:
    """Silently drops members that it does not know."""
    return Honest.accept_names(self, {name: status[name] for name in MEMBERS if name in status})


@mutant("serialise", caught_by="REF-05")
def lone_surrogate_escaped(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes a lone surrogate as an escape, as json.dumps does by default."""
    return json.dumps(document).encode("ascii")


@mutant("serialise", caught_by="REF-05")
def lone_surrogate_encoded(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the three bytes of a lone surrogate, which are not UTF-8."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


@mutant("serialise", caught_by="REF-05")
def lone_surrogate_replaced(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes a question mark for a lone surrogate."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


@mutant("write", caught_by="REF-06")
def refusal_touches_target(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Updates the target's times before it checks the status."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)
    Honest.write(self, path, status)


@mutant("write", caught_by="REF-06")
def refusal_creates_target(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Opens the target before it checks the status, and so creates it."""
    with open(path, "ab"):
        pass
    Honest.write(self, path, status)


@mutant("write", caught_by="REF-06")
def temp_leaked_when_serialising_fails(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Creates the temp before it serialises, and leaves it behind when that fails."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    self.close(self.create(temp))
    data = self.serialise(self.validate(status))
    self.discard(temp)
    self.publish(path, data)


@mutant("write", caught_by="REF-06")
def refusal_says_io(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Reports a status that the contract does not allow as a system error."""
    try:
        Honest.write(self, path, status)
    except ValueError as error:
        raise OSError(str(error)) from error


@mutant("write", caught_by="REF-06", outcome="error")
def crash_instead_of_refusal(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Ends the process when it is given a status that the contract does not allow."""
    try:
        Honest.write(self, path, status)
    except ValueError:
        os._exit(1)


@mutant("write", caught_by="REF-06", outcome="error")
def hang_on_refusal(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Never answers when it is given a status that the contract does not allow."""
    try:
        Honest.write(self, path, status)
    except ValueError:
        threading.Event().wait()
