"""Standard error is kept in bounded room, however much a process prints."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subject.standard_error import FIRST_BYTES, LONGEST, STDERR_LIMIT, StandardError, ends_of

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="on Windows a cut would not make the file shorter")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StandardError]:
    made = StandardError(tmp_path)
    yield made
    os.close(made.given)
    made.close()


@pytest.mark.parametrize("more", [-7, -1, 0])
def test_what_fits_is_kept_whole(file: StandardError, more: int) -> None:
    whole = "first\n" + "x" * (FIRST_BYTES + STDERR_LIMIT + more - 10) + "last"
    os.write(file.given, whole.encode())
    assert file.kept() == whole


def test_of_more_the_first_and_the_last_bytes_are_kept(file: StandardError) -> None:
    """Go and Java say at the beginning what went wrong, Python at the end."""
    os.write(file.given, b"first\n" + b"x" * (FIRST_BYTES + STDERR_LIMIT) + b"last\xff")
    first, last = "first\n" + "x" * (FIRST_BYTES - 6), "x" * (STDERR_LIMIT - 5) + "last\\xff"
    assert file.kept() == f"{first}\n… (11 bytes were left out)\n{last}"
    file.close()
    os.write(file.given, b"later")
    assert file.kept().endswith(last)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cause … end", "cause … end"),
        ("cause" + "x" * 20 + "end", "cause\n… (20 characters were left out)\nend"),
    ],
    ids=["short", "long"],
)
def test_the_ends_of_a_text(text: str, shown: str) -> None:
    assert ends_of(text, first=5, last=3 if "x" in text else 6) == shown


@needs_posix
def test_a_long_one_is_cut_and_says_so(file: StandardError) -> None:
    os.write(file.given, b"first\n" + b"x" * 49_994 + b"the reason\n")
    file.cut(longest=60_000)
    assert file.kept().startswith("first\nxxx")
    file.cut(longest=50_000)
    assert os.fstat(file.given).st_size == 0
    os.write(file.given, b"and its end\n")
    assert os.fstat(file.given).st_size == 12
    assert file.kept().startswith("first\nxxx")
    assert "x\n… (45,023 bytes were left out)\nxxx" in file.kept()
    assert file.kept().endswith("x" * 500 + "the reason\nand its end\n")
    file.close()
    file.cut(longest=0)
    assert file.kept().endswith("the reason\nand its end\n")


@needs_posix
def test_it_is_cut_by_itself_while_the_process_prints(file: StandardError) -> None:
    os.write(file.given, b"x" * (LONGEST + 1))
    waiting = threading.Event()
    for _ in range(12_000):
        if os.fstat(file.given).st_size == 0:
            break
        waiting.wait(0.01)
    assert f"… ({LONGEST + 1 - FIRST_BYTES - STDERR_LIMIT:,} bytes were left out)\n" in file.kept()
