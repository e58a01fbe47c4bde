"""What a whole file of a known format is: by its content, by the format's name, or by a command of the user's."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import sqlite3
import struct
import subprocess
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from conformance.system.run_folders import temporary

__all__ = ["KINDS", "command_validator", "guessed_kind", "missing_reader", "validator"]

Validator = Callable[[bytes], bool]

_PNG = b"\x89PNG\r\n\x1a\n"
_SQLITE = b"SQLite format 3\x00"
_SECONDS = 30.0  # for a validating command


def _json(data: bytes) -> bool:
    json.loads(data)
    return True


def _json_lines(data: bytes) -> bool:
    if not data.endswith(b"\n"):
        return False
    for line in data.splitlines():
        json.loads(line)
    return True


def _toml(data: bytes) -> bool:
    return bool(tomllib.loads(data.decode()))


def _yaml(data: bytes) -> bool:
    reader = importlib.import_module("yaml")
    try:
        return bool(reader.safe_load(data) is not None)
    except reader.YAMLError as error:
        raise ValueError(str(error)) from error


def _zip(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.testzip() is None


def _safetensors(data: bytes) -> bool:
    """A header of 8 bytes with a length, as much JSON, and the tensors, which fill the rest of the file."""
    length = struct.unpack_from("<Q", data)[0]
    if length > len(data) - 8:
        return False
    header = json.loads(data[8 : 8 + length])
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return bool(max(ends, default=0) == len(data) - 8 - length)


def _sqlite(data: bytes) -> bool:
    with temporary("pulse-judge-valid-") as folder:
        path = folder / "database"
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        try:
            return bool(data.startswith(_SQLITE) and connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
        finally:
            connection.close()


def _png(data: bytes) -> bool:
    """The signature, and chunks with right checksums of which the last is IEND (PNG, chapter 5)."""
    if not data.startswith(_PNG):
        return False
    position, kind = len(_PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 4 : position + 8 + length]
        if struct.unpack_from(">I", data, position + 8 + length)[0] != zlib.crc32(body):
            return False
        position += 12 + length
    return position == len(data)


_CHECKS: Mapping[str, Validator] = {
    "json": _json,
    "jsonl": _json_lines,
    "toml": _toml,
    "yaml": _yaml,
    "zip": _zip,
    "safetensors": _safetensors,
    "sqlite": _sqlite,
    "png": _png,
}
KINDS = tuple(_CHECKS)
"""The formats by the names that ``--valid`` takes; ``.pt`` and ``.npz`` files are ``zip``."""

# By content, and in this order: the first that fits. The name decides where the content alone could be anything.
_BY_CONTENT = ("png", "sqlite", "safetensors", "zip", "json")
_BY_NAME = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".jsonl": "jsonl"}


def validator(kind: str) -> Validator:
    """Whether bytes are a whole file of this kind. An empty file never is."""
    check = _CHECKS[kind]

    def valid(data: bytes) -> bool:
        try:
            return bool(data) and check(data)
        except (ValueError, KeyError, TypeError, IndexError, EOFError, RecursionError, NotImplementedError):
            return False
        except (struct.error, zlib.error, zipfile.BadZipFile, sqlite3.Error, OSError):
            return False

    return valid


def guessed_kind(name: str, data: bytes) -> str:
    """The kind of a whole file; empty when it is none that is known here."""
    suffix = Path(name).suffix.lower()
    if (kind := _BY_NAME.get(suffix, "")) and not missing_reader(kind) and validator(kind)(data):
        return kind
    kind = next((kind for kind in _BY_CONTENT if validator(kind)(data)), "")
    # A lone number or word is JSON as well, and so is the first half of many a number.
    return "" if kind == "json" and data.lstrip()[:1] not in (b"{", b"[") else kind


def missing_reader(kind: str) -> str:
    """What has to be installed to read a kind; empty when it can be read."""
    return "PyYAML" if kind == "yaml" and importlib.util.find_spec("yaml") is None else ""


def command_validator(words: tuple[str, ...]) -> Validator:
    """Bytes are whole when this command exits 0 with them: in a file whose path replaces ``{path}``, else on stdin."""

    def valid(data: bytes) -> bool:
        with temporary("pulse-judge-valid-") as folder:
            path = folder / "file"
            path.write_bytes(data)
            filled = [word.replace("{path}", str(path)) for word in words]
            given = b"" if filled != list(words) else data
            try:
                ended = subprocess.run(filled, input=given, capture_output=True, timeout=_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                return False
        return ended.returncode == 0

    return valid
