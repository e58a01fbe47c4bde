"""Ctrl-Z, on a screen that notes what happens, and in a real terminal."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from pulse import write_training_status
from pulse.watch.stops import SIGTSTP, stoppable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-Z")


class Screen:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def leave(self) -> None:
        self.events.append("left")

    def come_back(self) -> None:
        self.events.append("back")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """The process is not stopped, but it is noted that it would be."""
    screen, real = Screen(), signal.raise_signal

    def stop(number: int) -> None:
        if signal.getsignal(number) is signal.SIG_DFL:
            screen.events.append("stopped")
        else:
            real(number)

    monkeypatch.setattr(signal, "raise_signal", stop)
    return screen


@pytest.fixture(autouse=True)
def default() -> Iterator[None]:
    """Whatever the shell of the tests says."""
    before = signal.signal(SIGTSTP, signal.SIG_DFL)
    yield
    signal.signal(SIGTSTP, before)


def ctrl_z(_: float = 0.0) -> None:
    signal.raise_signal(SIGTSTP)


def test_the_terminal_is_the_shells_while_the_process_is_stopped(screen: Screen) -> None:
    with stoppable(screen, ctrl_z) as wait:
        wait(2.0)
        wait(2.0)
    assert screen.events == ["left", "stopped", "back"] * 2


def test_what_is_under_way_is_finished_first(screen: Screen) -> None:
    waits: list[float] = []
    with stoppable(screen, waits.append) as wait:
        ctrl_z()
        ctrl_z()
        screen.events.append("finished")
        wait(2.0)
        assert waits == []  # there may be much that is new
        wait(2.0)
    assert screen.events == ["finished", "left", "stopped", "back"]
    assert waits == [2.0]


def test_afterwards_it_is_the_default_again(screen: Screen) -> None:
    with pytest.raises(KeyboardInterrupt), stoppable(screen, ctrl_z):
        raise KeyboardInterrupt
    assert signal.getsignal(SIGTSTP) is signal.SIG_DFL


def ignored(number: int, frame: FrameType | None) -> None:
    """A handler of another's."""


@pytest.mark.parametrize("handler", [signal.SIG_IGN, ignored])
def test_what_was_asked_for_elsewhere_stays(handler: Callable[..., object], screen: Screen) -> None:
    signal.signal(SIGTSTP, handler)
    with stoppable(screen, ctrl_z) as wait:
        assert wait is ctrl_z
        assert signal.getsignal(SIGTSTP) is handler


def test_a_screen_that_needs_no_terminal_is_stopped_as_any_program() -> None:
    with stoppable(object(), ctrl_z) as wait:
        assert wait is ctrl_z


def test_in_a_thread_it_is_left_alone(screen: Screen) -> None:
    found: list[object] = []

    def work() -> None:
        with stoppable(screen, ctrl_z) as wait:
            found.append(wait)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found == [ctrl_z]


def test_a_real_terminal_is_given_back_and_taken_again(target: str) -> None:
    if sys.platform == "win32":
        return  # the mark skips it; this is for the type checker
    write_training_status(target, "running")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse", "watch", "--interval", "0.05", target],
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm"},
        preexec_fn=lambda: signal.signal(signal.SIGTSTP, signal.SIG_DFL),
        process_group=0,
    )
    os.close(theirs)
    try:
        shown = _until(ours, b"running")
        assert shown.count(b"\x1b[?1049h") == 1
        process.send_signal(signal.SIGTSTP)
        shown = _until(ours, b"\x1b[?1049l")
        assert b"\x1b[?25h" in shown
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        process.send_signal(signal.SIGCONT)
        shown = _until(ours, b"running")
        assert b"\x1b[?1049h" in shown
        assert b"\x1b[?25l" in shown
        process.send_signal(signal.SIGINT)
        _until(ours, b"\x1b[?1049l")
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _until(terminal: int, wanted: bytes) -> bytes:
    """What is shown up to and with this; the test's time-out ends the wait."""
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 65536)
    return shown
