"""Signals that are passed on to a command."""

import os
import signal
import sys

import pytest

from pulse import _signals
from pulse._signals import Forwarding, signal_name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals from another process")


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM"), (40, "signal 40")])
def test_a_signal_has_a_name(number: int, name: str) -> None:
    assert signal_name(number) == name


@pytest.fixture
def foreground(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_signals, "_in_foreground", lambda: True)


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_signals, "_in_foreground", lambda: False)


SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]


@pytest.mark.parametrize("name", SIGNALS)
def test_each_is_passed_on_and_the_old_handler_is_back_afterwards(name: str, background: None) -> None:
    number = getattr(signal, name)
    sent: list[int] = []
    usual = signal.signal(number, signal.SIG_DFL)  # a shell starts what is in its background with some ignored
    try:
        with Forwarding() as forwarding:
            forwarding.to(sent.append)
            signal.raise_signal(number)
            assert sent == [number]
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, usual)


def test_one_that_comes_before_the_command_is_passed_on_to_it(foreground: None) -> None:
    sent: list[int] = []
    with Forwarding() as forwarding:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        forwarding.to(sent.append)
    assert sent == [signal.SIGINT, signal.SIGTERM]


def test_what_is_typed_at_the_terminal_reaches_the_command_without_us(foreground: None) -> None:
    if sys.platform == "win32":
        return  # the mark skips it; this is for the type checker
    sent: list[int] = []
    with Forwarding() as forwarding:
        forwarding.to(sent.append)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.raise_signal(number)
    assert sent == [signal.SIGTERM]


def test_what_is_ignored_stays_ignored() -> None:
    if sys.platform == "win32":
        return  # the mark skips it; this is for the type checker
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Forwarding():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_size_of_the_terminal_is_passed_on() -> None:
    if sys.platform == "win32":
        return  # the mark skips it; this is for the type checker
    before = signal.getsignal(signal.SIGWINCH)
    sizes: list[str] = []
    with Forwarding() as forwarding:
        forwarding.on_resize(None)
        assert signal.getsignal(signal.SIGWINCH) == before
        forwarding.on_resize(lambda: sizes.append("new"))
        signal.raise_signal(signal.SIGWINCH)
    assert sizes == ["new"]
    assert signal.getsignal(signal.SIGWINCH) == before


class TestForeground:
    """Whether what is typed reaches our process group."""

    def test_without_a_terminal_it_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_terminal(*arguments: object) -> int:
            raise OSError("no such device")

        monkeypatch.setattr(os, "open", no_terminal)
        assert not _signals._in_foreground()

    @pytest.mark.parametrize(("group", "foreground"), [(7, True), (8, False), (None, False)])
    def test_it_does_where_our_group_is_in_front(
        self, monkeypatch: pytest.MonkeyPatch, group: int | None, foreground: bool
    ) -> None:
        real = os.open

        def front(descriptor: int) -> int:
            if group is None:
                raise OSError("not our terminal")
            return group

        monkeypatch.setattr(os, "open", lambda path, flags: real(os.devnull, flags))
        monkeypatch.setattr(os, "tcgetpgrp", front)
        monkeypatch.setattr(os, "getpgrp", lambda: 7)
        assert _signals._in_foreground() is foreground


def test_a_command_of_another_user_does_not_stop_us(background: None) -> None:
    def refuse(number: int) -> None:
        raise PermissionError("sudo")

    with Forwarding() as forwarding:
        forwarding.to(refuse)
        signal.raise_signal(signal.SIGTERM)
