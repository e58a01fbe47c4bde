"""Whole files of known formats, and the same cut off at every byte."""

import importlib.util
import io
import json
import sqlite3
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from conformance.commands.judge.formats import KINDS, command_validator, guessed_kind, missing_reader, validator


def _png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "text " * 9)
    return file.getvalue()


def _safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def _sqlite(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "db")
    connection.execute("create table t(x)")
    connection.commit()
    connection.close()
    return (folder / "db").read_bytes()


STRICT = {"json": b'{"a": [1, 2]}', "zip": _zip(), "safetensors": _safetensors(), "png": _png()}


@pytest.mark.parametrize("kind", STRICT)
def test_no_beginning_of_a_whole_file_is_whole(kind: str) -> None:
    data, valid = STRICT[kind], validator(kind)
    assert valid(data)
    assert [length for length in range(len(data)) if valid(data[:length])] == []


@pytest.mark.parametrize(
    ("kind", "data", "whole"),
    [
        ("jsonl", b'{"a":1}\n{"a":2}\n', True),
        ("jsonl", b'{"a":1}\n{"a":2}', False),
        ("jsonl", b'{"a":1}\n{"a"\n', False),
        ("toml", b"a = 1\n", True),
        ("toml", b"a = \n", False),
        ("toml", b"\xff", False),
        ("sqlite", b"SQLite format 3\x00" + bytes(100), False),
        ("json", b"\xff\xfe", False),
        ("safetensors", b"\0", False),
    ],
)
def test_what_is_whole(kind: str, data: bytes, whole: bool) -> None:
    assert validator(kind)(data) is whole


def test_an_sqlite_database(tmp_path: Path) -> None:
    data = _sqlite(tmp_path)
    assert validator("sqlite")(data)
    assert not validator("sqlite")(data[:-4096])
    assert guessed_kind("x", data) == "sqlite"


def test_an_empty_file_is_of_no_kind() -> None:
    assert [kind for kind in KINDS if not missing_reader(kind) and validator(kind)(b"")] == []


@pytest.mark.skipif(importlib.util.find_spec("yaml") is None, reason="needs PyYAML")
def test_yaml_where_it_can_be_read() -> None:
    assert validator("yaml")(b"a: [1, 2]\n")
    assert not validator("yaml")(b"a: [1, 2\n")
    assert guessed_kind("c.yml", b"a: 1\n") == "yaml"


def test_yaml_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert missing_reader("yaml") == "PyYAML"
    assert not missing_reader("json")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a", b'{"x": 1}', "json"),
        ("a.json", b"[]", "json"),
        ("pid", b"12345\n", ""),  # the half of a number is a number
        ("a.toml", b"x = 1\n", "toml"),
        ("a.jsonl", b"{}\n{}\n", "jsonl"),
        ("a.npz", _zip(), "zip"),
        ("a.png", _png(), "png"),
        ("a.txt", b"x = 1\n", ""),
    ],
)
def test_the_kind_that_a_file_is_taken_for(name: str, data: bytes, kind: str) -> None:
    assert guessed_kind(name, data) == kind


def test_a_command_decides_from_a_path_or_from_its_input() -> None:
    check = "import sys; sys.exit(open(sys.argv[1], 'rb').read() != b'whole')"
    by_path = command_validator((sys.executable, "-c", check, "{path}"))
    assert (by_path(b"whole"), by_path(b"who")) == (True, False)
    by_input = command_validator((sys.executable, "-c", "import sys; sys.exit(sys.stdin.read() != 'whole')"))
    assert (by_input(b"whole"), by_input(b"who")) == (True, False)
