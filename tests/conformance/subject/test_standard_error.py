"""Standard error is kept in bounded room, however much a process prints."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subject.standard_error import LONGEST, STDERR_LIMIT, StandardError

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="on Windows a cut would not make the file shorter")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StandardError]:
    made = StandardError(tmp_path)
    yield made
    os.close(made.given)
    made.close()


def test_the_last_bytes_are_kept(file: StandardError) -> None:
    os.write(file.given, b"first\n" + b"x" * STDERR_LIMIT + b"last\xff")
    assert file.last() == "x" * (STDERR_LIMIT - 5) + "last\\xff"
    file.close()
    os.write(file.given, b"later")
    assert file.last() == "x" * (STDERR_LIMIT - 5) + "last\\xff"


@needs_posix
def test_a_long_one_is_cut_and_says_so(file: StandardError) -> None:
    os.write(file.given, b"x" * 50_000 + b"the reason\n")
    file.cut(longest=60_000)
    assert file.last().startswith("xxx")
    file.cut(longest=50_000)
    assert os.fstat(file.given).st_size == 0
    os.write(file.given, b"and its end\n")
    assert os.fstat(file.given).st_size == 12
    assert file.last().startswith("… (50,011 bytes were cut)\nxxx")
    assert file.last().endswith("x" * 500 + "the reason\nand its end\n")
    file.close()
    file.cut(longest=0)
    assert file.last().endswith("the reason\nand its end\n")


@needs_posix
def test_it_is_cut_by_itself_while_the_process_prints(file: StandardError) -> None:
    os.write(file.given, b"x" * (LONGEST + 1))
    waiting = threading.Event()
    for _ in range(12_000):
        if os.fstat(file.given).st_size == 0:
            break
        waiting.wait(0.01)
    assert file.last().startswith("… (16,777,217 bytes were cut)\n")
