"""Opening, using and closing a descriptor."""

import errno
import os
from collections.abc import Callable
from typing import NoReturn

import pytest

from pulse._descriptors import use_descriptor


def refuse(descriptor: int) -> NoReturn:
    """Fail as a use of a descriptor does."""
    raise OSError(errno.ENOSPC, "the use failed")


def close_and_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``os.close`` close and then report an error, as a network file system may."""
    real = os.close

    def close(descriptor: int) -> None:
        real(descriptor)
        raise OSError(errno.EIO, "the close failed")

    monkeypatch.setattr(os, "close", close)


def test_the_result_comes_back_and_all_is_closed(open_descriptors: Callable[[], set[str]]) -> None:
    before = open_descriptors()
    assert use_descriptor(os.open, (os.devnull, os.O_RDONLY), lambda descriptor: os.read(descriptor, 1)) == b""
    assert open_descriptors() == before


def test_a_failing_open_is_reported() -> None:
    with pytest.raises(FileNotFoundError):
        use_descriptor(os.open, ("/missing/file", os.O_RDONLY), refuse)


def test_a_failing_use_is_reported(open_descriptors: Callable[[], set[str]]) -> None:
    before = open_descriptors()
    with pytest.raises(OSError, match="the use failed"):
        use_descriptor(os.open, (os.devnull, os.O_RDONLY), refuse)
    assert open_descriptors() == before


def test_a_failing_close_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    close_and_fail(monkeypatch)
    with pytest.raises(OSError, match="the close failed"):
        use_descriptor(os.open, (os.devnull, os.O_RDONLY), int)


def test_a_failing_close_does_not_hide_the_first_error(monkeypatch: pytest.MonkeyPatch) -> None:
    close_and_fail(monkeypatch)
    with pytest.raises(OSError, match="the use failed"):
        use_descriptor(os.open, (os.devnull, os.O_RDONLY), refuse)


def test_a_descriptor_is_closed_once_even_when_its_close_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    def fail(descriptor: int) -> None:
        closed.append(descriptor)
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(os, "close", fail)
    with pytest.raises(OSError, match="injected"):
        use_descriptor(lambda: 12345, (), int)
    assert closed == [12345]
