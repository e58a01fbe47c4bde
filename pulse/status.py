"""The six fields of pulse v1: build, validate, serialise, parse, and what a reader derives from them."""

import json
import math
import time
from collections.abc import Mapping
from json.encoder import encode_basestring
from numbers import Integral, Real
from typing import Any, Final, TypedDict

__all__ = [
    "MEMBERS",
    "SIZE_LIMIT",
    "STATUSES",
    "InvalidStatus",
    "Status",
    "TrainingStatus",
    "decode_object",
    "encode",
    "from_members",
    "parse",
    "present_time",
    "progress",
    "serialise",
]

STATUSES: Final = ("idle", "running", "done", "error")
"""The four values of ``status``."""

MEMBERS: Final = ("status", "epoch", "total_epochs", "loss", "message", "timestamp")
"""The six members, in the order in which they are written."""

SIZE_LIMIT: Final = 1024 * 1024
"""The largest document that is written or read, in bytes."""

_LAST_TIMESTAMP: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact


def present_time() -> int:
    """Seconds since 1970 (UTC); of a clock that is set to what a status cannot carry, the nearest that it can."""
    return min(max(int(time.time()), 0), _LAST_TIMESTAMP)


class InvalidStatus(ValueError):
    """A value or a document that the contract does not allow; the message says what to change."""


class Status(TypedDict):
    """One status: a plain dictionary with exactly these members."""

    status: str
    epoch: float
    total_epochs: float
    loss: float
    message: str
    timestamp: int


class TrainingStatus:
    """Builds statuses."""

    @staticmethod
    def create(
        status: str,
        epoch: float = 0.0,
        total_epochs: float = 0.0,
        loss: float = 0.0,
        message: str = "",
        timestamp: int | None = None,
    ) -> Status:
        """Build a valid status (clauses DOC-01…08, REF-01…05).

        Args:
            status: one of ``idle``, ``running``, ``done``, ``error``.
            epoch: epochs completed, ≥ 0; a fraction is part of an epoch. It may exceed ``total_epochs``.
            total_epochs: epochs planned, ≥ 0; 0 when unknown.
            loss: the current loss, any finite number.
            message: any text that UTF-8 can carry.
            timestamp: seconds since 1970 (UTC), an integer from 0 to 2^53-1; ``None`` means now.

        The three numbers may be of any real type (``int``, a NumPy scalar) except ``bool``; they
        become ``float``. A tensor or a ``Decimal`` is refused: say ``float(loss)``.

        Returns:
            A new dictionary with exactly the six members.

        Raises:
            InvalidStatus: a ``ValueError``, for anything that the contract refuses.
        """
        if not isinstance(status, str) or status not in STATUSES:
            raise InvalidStatus(f"status must be one of {', '.join(STATUSES)}, not {_shown(status)}")
        return {
            "status": str.__str__(status),
            "epoch": _not_negative("epoch", epoch),
            "total_epochs": _not_negative("total_epochs", total_epochs),
            "loss": _finite("loss", loss),
            "message": _text(message),
            "timestamp": present_time() if timestamp is None else _seconds(timestamp),
        }


def _shown(value: object) -> str:
    """A value as an error message shows it: safe, and short enough for one line."""
    try:
        text = ascii(value)
    except Exception:  # a value whose repr fails (an integer of 5,000 digits) is refused like any other
        text = "<unprintable>"
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _finite(name: str, value: object) -> float:
    """``value`` as a finite ``float``."""
    if type(value) is float and -math.inf < value < math.inf:
        return value  # nearly always
    if not isinstance(value, Real) or isinstance(value, bool):
        hint = f" (use float({name}))" if hasattr(type(value), "__float__") and not isinstance(value, bool) else ""
        raise InvalidStatus(f"{name} must be a number, not {_shown(value)}{hint}")
    try:
        number = float(value)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise InvalidStatus(f"{name} must fit a double, and {_shown(value)} does not: {error}") from error
    if not math.isfinite(number):
        raise InvalidStatus(f"{name} must be finite: JSON cannot carry {number} (say it in message)")
    return number


def _not_negative(name: str, value: object) -> float:
    """``value`` as a finite ``float`` that is not negative."""
    if type(value) is float and 0.0 <= value < math.inf:
        return value  # nearly always
    number = _finite(name, value)
    if number < 0.0:
        raise InvalidStatus(f"{name} must not be negative, and {number} is")
    return number


def _text(value: object) -> str:
    """``value`` as a plain ``str`` without lone surrogates."""
    if not isinstance(value, str):
        raise InvalidStatus(f"message must be a string, not {_shown(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidStatus(
                f"message has a lone surrogate at index {error.start}, which UTF-8 cannot carry"
            ) from error
    return str.__str__(value)


def _seconds(value: object) -> int:
    """``value`` as a timestamp."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        hint = " (use int(timestamp))" if hasattr(type(value), "__int__") and not isinstance(value, bool) else ""
        raise InvalidStatus(f"timestamp must be an integer (whole seconds), not {_shown(value)}{hint}")
    seconds = int(value)
    if not 0 <= seconds <= _LAST_TIMESTAMP:
        raise InvalidStatus(f"timestamp must be from 0 to 2^53-1 seconds, and {_shown(value)} is not")
    return seconds


def from_members(members: Mapping[str, Any], *, complete: bool) -> Status:
    """Build a valid status from members that came from elsewhere.

    Args:
        members: name → value. An explicit ``None`` is refused, for ``timestamp`` too.
        complete: whether all six must be there; else absent ones take the defaults (``status`` has none).

    Raises:
        InvalidStatus: a member is unknown, missing or not allowed.
    """
    unknown = [name for name in members if name not in MEMBERS]
    if unknown:
        raise InvalidStatus(f"unknown member {_shown(unknown[0])}: pulse v1 has only {', '.join(MEMBERS)}")
    missing = [name for name in (MEMBERS if complete else MEMBERS[:1]) if name not in members]
    if missing:
        raise InvalidStatus(f"the member {missing[0]} is missing")
    if "timestamp" in members and members["timestamp"] is None:
        raise InvalidStatus("timestamp must be an integer (whole seconds), not None (leave it out for now)")
    return TrainingStatus.create(**members)


def encode(status: Status) -> bytes:
    """The document of a status that is known to be valid: what :meth:`TrainingStatus.create` has returned.

    The layout is that of ``json.dumps(status, indent=2, ensure_ascii=False)``, which takes longer.

    Raises:
        InvalidStatus: the document is larger than :data:`SIZE_LIMIT`.
    """
    document = (
        f'{{\n  "status": "{status["status"]}",\n  "epoch": {status["epoch"]!r},\n'
        f'  "total_epochs": {status["total_epochs"]!r},\n  "loss": {status["loss"]!r},\n'
        f'  "message": {encode_basestring(status["message"])},\n  "timestamp": {status["timestamp"]}\n}}'
    ).encode()
    if len(document) > SIZE_LIMIT:
        raise InvalidStatus(f"{len(document)} bytes are more than {SIZE_LIMIT}: shorten message")
    return document


def serialise(status: Mapping[str, Any]) -> bytes:
    """Validate a status with all six members and return its document (clauses DOC-01…10).

    Returns:
        UTF-8, no BOM, no byte that depends on the locale, at most :data:`SIZE_LIMIT` bytes.

    Raises:
        InvalidStatus: the status is not valid, or too large.
    """
    return encode(from_members(status, complete=True))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's members, none of which may occur twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidStatus("a member occurs twice")
    return members


def _no_constant(name: str) -> float:
    """Refuse ``NaN``, ``Infinity`` and ``-Infinity``, which Python's parser accepts and JSON does not have."""
    raise InvalidStatus(f"{name} is not JSON")


def decode_object(document: bytes) -> dict[str, Any]:
    """Decode one strict JSON object: UTF-8 without BOM, no member twice, no NaN, nothing after it.

    Raises:
        InvalidStatus: it is anything else, or larger than :data:`SIZE_LIMIT`.
    """
    if len(document) > SIZE_LIMIT:
        raise InvalidStatus(f"more than {SIZE_LIMIT} bytes")
    try:
        value = json.loads(document.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except InvalidStatus:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidStatus(f"not a JSON document: {error}") from error
    if not isinstance(value, dict):
        raise InvalidStatus(f"not a JSON object: {_shown(value)}")
    return value


def parse(document: bytes) -> Status:
    """Parse a document strictly (clauses RDR-01, RDR-03…06).

    A reader accepts ``0`` as ``0.0``; the three numbers come back as ``float`` in any case.

    Raises:
        InvalidStatus: it is not exactly one valid pulse v1 document.
    """
    return from_members(decode_object(document), complete=True)


def progress(status: Mapping[str, Any]) -> float:
    """Progress in percent, from 0.0 to 100.0; 0.0 when ``total_epochs`` is 0 (clause RDR-13)."""
    total = float(status["total_epochs"])
    if total <= 0.0:
        return 0.0
    return min(max(0.0, float(status["epoch"]) / total * 100.0), 100.0)  # 0.0 first: no -0.0 comes out
