"""The handler of SIGTERM, where the program has none of its own."""

import os
import signal
import sys

import pytest

from pulse._sigterm import SigtermHandler

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be caught")


def test_the_system_does_what_it_does_without_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    handler = SigtermHandler(lambda: done.append("written"))
    try:
        assert handler.install()
        real = os.kill
        monkeypatch.setattr(os, "kill", lambda process, number: done.append(f"{number:d} to {process == os.getpid()}"))
        real(os.getpid(), signal.SIGTERM)
        assert done == ["written", "15 to True"]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_python_does_not_know_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    assert not SigtermHandler(lambda: None).install()


def test_without_an_installation_there_is_nothing_to_restore() -> None:
    before = signal.getsignal(signal.SIGTERM)
    SigtermHandler(lambda: None).restore()
    assert signal.getsignal(signal.SIGTERM) == before
