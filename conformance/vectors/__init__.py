"""Documents that every reader is asked to read, byte for byte as they are in this folder.

`reasons.toml` says why each file is here and, for those that a reader may accept, the six values it returns.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

__all__ = ["FOLDER", "KINDS", "Kind", "Vector", "VectorError", "load_vectors"]

Kind = Literal["valid", "invalid", "either"]

FOLDER = Path(__file__).parent
KINDS: tuple[Kind, ...] = ("valid", "invalid", "either")

_KEYS: Mapping[Kind, frozenset[str]] = {
    "valid": frozenset({"reason", "expected"}),
    "invalid": frozenset({"reason", "layer"}),
    "either": frozenset({"reason", "layer", "expected"}),
}


class VectorError(ValueError):
    """The folder of documents and its `reasons.toml` do not agree, or an unknown kind was asked for."""


@dataclass(frozen=True)
class Vector:
    """One document and what a reader must make of it.

    Attributes:
        name: the file's name without `.json`; it is for people, and must not reach the reader under test.
        kind: `valid` (a reader answers `expected`), `invalid` (it answers null), `either` (one of the two).
        path: the file itself.
        reason: one sentence saying why it is here.
        expected: the six values, `None` for `invalid`. The three floats are Python floats and compare by
            value (`-0.0` equals `0.0`); `timestamp` is an int in seconds; `message` compares code point by
            code point.
        layer: the first layer of the vectors' own check that objects to the bytes; `None` for `valid`.
    """

    name: str
    kind: Kind
    path: Path
    reason: str
    expected: Mapping[str, object] | None
    layer: str | None


def load_vectors(kind: str | None = None, *, folder: Path = FOLDER) -> tuple[Vector, ...]:
    """Return the documents of one kind, or all of them, sorted by name (clauses RDR-01 and RDR-05).

    Args:
        kind: `valid`, `invalid`, `either`, or `None` for all.
        folder: where the documents and `reasons.toml` are.

    Raises:
        VectorError: the kind is unknown, or files and `reasons.toml` disagree.
        OSError: `reasons.toml` cannot be read.
    """
    if kind is not None and kind not in KINDS:
        raise VectorError(f"unknown kind of vector {kind!r}: use one of {', '.join(KINDS)}")
    reasons = _read_reasons(folder / "reasons.toml")
    names = {path.stem for path in folder.glob("*.json")}
    if unexplained := sorted(names - reasons.keys()):
        raise VectorError(f"add a table to reasons.toml for: {', '.join(unexplained)}")
    if absent := sorted(reasons.keys() - names):
        raise VectorError(f"add the file, or remove its table from reasons.toml: {', '.join(absent)}")
    vectors = tuple(_vector(name, reasons[name], folder) for name in sorted(names))
    return tuple(vector for vector in vectors if kind in (None, vector.kind))


def _read_reasons(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not UTF-8, or not TOML
        raise VectorError(f"reasons.toml must be UTF-8 and TOML: {error}") from error


def _vector(name: str, entry: object, folder: Path) -> Vector:
    kind = name.partition("-")[0]
    if kind not in KINDS:
        raise VectorError(f"{name}: a file's name begins with valid-, invalid- or either-")
    if not isinstance(entry, dict) or entry.keys() != _KEYS[kind]:
        raise VectorError(f"{name}: its table in reasons.toml holds exactly {', '.join(sorted(_KEYS[kind]))}")
    if not all(isinstance(value, str) for value in entry.values()):
        raise VectorError(f"{name}: the values in reasons.toml are strings")
    return Vector(
        name=name,
        kind=kind,
        path=folder / f"{name}.json",
        reason=entry["reason"],
        expected=_expected(name, entry["expected"]) if "expected" in entry else None,
        layer=entry.get("layer"),
    )


def _expected(name: str, text: str) -> Mapping[str, object]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise VectorError(f"{name}: expected in reasons.toml must be JSON: {error}") from error
    if not isinstance(values, dict):
        raise VectorError(f"{name}: expected in reasons.toml must be JSON: an object")
    return cast(Mapping[str, object], values)
