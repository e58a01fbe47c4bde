"""What is wrong with an answer, and with the bytes that were written."""

from __future__ import annotations

import json

import pytest

from conformance.commands.adapter.findings import TEXT, of_answer, of_bytes, read_leniently

RIGHT = b'{"id": 3, "ok": true}\n'


def seen(line: bytes) -> list[str]:
    return [finding.seen for finding in of_answer(line, 3)]


def test_a_right_answer_has_no_fault() -> None:
    assert seen(RIGHT) == []
    assert seen(b'{"id": 3, "ok": false, "error": "io", "message": "no"}\n') == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello\n", "no JSON object: 'hello\\n'"),
        (b"[3]\n", "no JSON object: '[3]\\n'"),
        (b'{"ok": true}\n', 'an answer has no "id"'),
        (b'{"id": "3", "ok": true}\n', '"id" is "3", and the request had 3'),
        (b'{"id": 4, "ok": true}\n', '"id" is 4, and the request had 3'),
        (b'{"id": 3}\n', 'an answer has no "ok": true or false'),
        (b'{"id": 3, "ok": "yes"}\n', 'an answer has no "ok": true or false'),
        (b'{"id": 3, "ok": false}\n', '"error" is null'),
        (b'{"id": 3, "ok": false, "error": "ENOSPC"}\n', '"error" is "ENOSPC"'),
        (b"\xef\xbb\xbf" + RIGHT, "an answer starts with a byte-order mark"),
        (RIGHT.decode().encode("utf-16-le"), "answers are in UTF-16"),
        (b'{"id": 3, "ok": true, "name": "\xe9"}\n', "an answer is no UTF-8"),
        (RIGHT.replace(b"\n", b"\r\n"), "answers end with CR LF"),
    ],
)
def test_a_fault_of_an_answer_is_named(line: bytes, said: str) -> None:
    assert seen(line) == [said]
    assert all(finding.todo for finding in of_answer(line, 3))


def test_an_answer_is_read_whatever_its_encoding() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be"):
        assert read_leniently(RIGHT.decode().encode(encoding)) == {"id": 3, "ok": True}, encoding
    assert read_leniently(b"[" * 100_000) is None


def test_the_bytes_of_the_text_have_no_fault() -> None:
    assert of_bytes(TEXT.encode()) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "it answered ok, and there is no file"),
        (b"", "it answered ok, and the file is empty"),
        (TEXT.encode("utf-8-sig"), "the file starts with a byte-order mark"),
        (TEXT.encode("utf-16"), "the file is in UTF-16"),
        (TEXT.encode("latin-1", "replace"), "characters outside of ASCII were lost or changed"),
        (TEXT.encode("ascii", "ignore"), "characters outside of ASCII were lost or changed"),
        (TEXT.encode().decode("latin-1").encode(), "characters outside of ASCII were lost or changed"),
        (TEXT.encode() + b"\n", "a line feed was added at the end"),
        (TEXT.replace("\r\n", "\n").encode(), "line ends were changed"),
        (TEXT.replace("\n", "\r\n").encode(), "line ends were changed"),
        (json.dumps(TEXT).encode(), "the JSON escapes were written as they came"),
        (TEXT.encode()[:10], f"the file has the first 10 of {len(TEXT.encode())} bytes"),
        (b"something else", "the file holds other bytes: 'something else'"),
    ],
)
def test_a_fault_of_the_bytes_is_named(written: bytes | None, said: str) -> None:
    finding = of_bytes(written)
    assert finding is not None
    assert (finding.seen, bool(finding.todo)) == (said, True)
