"""The kit's own holder proves what it held, and releases it on request or after a given time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.suite.helpers.file_holder import Holder

only_windows = pytest.mark.skipif(sys.platform != "win32", reason="only Windows refuses what a holder does not share")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "status.json"
    path.write_bytes(b"{}")
    return path


def test_the_file_is_held_until_it_is_released(target: Path) -> None:
    with Holder(target, "read-write") as holder:
        holder.release()
    assert holder.held == ("status.json",)


def test_releasing_twice_is_allowed(target: Path) -> None:
    with Holder(target, "read") as holder:
        holder.release()
        holder.release()
    assert holder.held == ("status.json",)


def test_it_releases_the_file_after_the_given_time(target: Path) -> None:
    with Holder(target, "read", seconds=0.0) as holder:
        holder._process.wait()
        holder.release()
    assert holder.held == ("status.json",)


def test_a_missing_file_is_an_error_of_the_kit(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="holder ended with exit code 1"), Holder(tmp_path / "none", "read"):
        pass


def test_files_that_appear_are_held_and_existing_ones_are_not(target: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "conformance.suite.helpers.file_holder",
        str(target.parent),
        "--share",
        "read-write",
        "--appearing",
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (target.parent / "temp ё").write_bytes(b"new")
        assert process.stdout.readline() == "held temp ё\n"
        process.stdin.close()
        assert process.stdout.read() == "released temp ё\n"


def test_if_no_file_appears_nothing_is_held(target: Path) -> None:
    with Holder(target.parent, "read-write", appearing=True) as holder:
        holder.release()
    assert (holder.held, holder.refused) == ((), frozenset())


def test_an_error_in_the_block_ends_the_holder(target: Path) -> None:
    with pytest.raises(ZeroDivisionError), Holder(target, "read") as holder:
        raise ZeroDivisionError
    assert holder._process.returncode is not None


@only_windows
def test_a_replace_is_refused_until_the_release(target: Path) -> None:
    temp = target.with_name("temp")
    temp.write_bytes(b"new")
    with Holder(target, "read-write") as holder:
        with pytest.raises(PermissionError):
            temp.replace(target)
        holder.release()
    temp.replace(target)
    assert target.read_bytes() == b"new"
