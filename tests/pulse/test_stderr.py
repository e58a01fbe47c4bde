"""The stderr of a command, passed on and remembered."""

import os
import sys
import threading
from collections.abc import Callable

import pytest

from pulse import _stderr
from pulse._stderr import LINE_LIMIT, Tee, last_line

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals for this")


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"", ""),
        (b"\n \r\n\t\n", ""),
        (b"Traceback\n  File\nValueError: bad batch\n", "ValueError: bad batch"),
        (b"one\r\ntwo\r\n\r\n", "two"),
        (b"\r 10%|#  |\r 20%|## |", "20%|## |"),
        (
            b"\x1b[1;31mValueError\x1b[0m: \x1b]8;;http://x\x07bad\x1b]8;;\x1b\\ batch\x1b(B\n\x1b[0m\n",
            "ValueError: bad batch",
        ),
        ("шаг\n".encode(), "шаг"),
        (b"\xff\xfe bytes", "\ufffd\ufffd bytes"),
        (b"x" * LINE_LIMIT, "x" * LINE_LIMIT),
        (b"x" * (LINE_LIMIT + 1), "x" * (LINE_LIMIT - 1) + "…"),
    ],
)
def test_the_last_line_is_the_last_that_shows_anything(output: bytes, line: str) -> None:
    assert last_line(output) == line


class Command:
    """A command whose stderr goes through a :class:`Tee` into a pipe that the test reads."""

    def __init__(self) -> None:
        self.out, self.sink = os.pipe()
        self.tee = Tee(self.sink)
        self.stderr = os.dup(self.tee.end)
        self.tee.start()

    def end(self) -> tuple[str, bytes]:
        """The command ends; returns its last line, and what was passed on."""
        os.close(self.stderr)
        line = self.tee.finish()
        os.close(self.sink)
        with open(self.out, "rb") as out:
            return line, out.read()


def test_every_byte_is_passed_on_as_it_is_and_at_once() -> None:
    command = Command()
    os.write(command.stderr, b"\r 10%")  # no end of line
    assert os.read(command.out, 100) == b"\r 10%"
    os.write(command.stderr, b"\xff\x00\r\nlast")
    assert command.end() == ("last", b"\xff\x00\r\nlast")


def test_the_last_line_of_a_long_output_is_remembered() -> None:
    command = Command()
    collected: list[bytes] = []

    def read() -> None:
        while len(b"".join(collected)) < 3_000_005:
            collected.append(os.read(command.out, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    os.write(command.stderr, b"x" * 1_000_000)
    os.write(command.stderr, b"y" * 2_000_000 + b"\nlast")
    reader.join(60)
    assert command.end()[0] == "last"
    assert b"".join(collected) == b"x" * 1_000_000 + b"y" * 2_000_000 + b"\nlast"


@pytest.mark.skipif(sys.platform == "win32", reason="no pipe of Windows refuses to block")
def test_a_stderr_of_ours_that_does_not_block_loses_nothing(
    eventually: Callable[[Callable[[], object], str], None],
) -> None:
    command = Command()
    if sys.platform != "win32":
        os.set_blocking(command.sink, False)
    collected: list[bytes] = []

    def read() -> None:
        while chunk := os.read(command.out, 65536):
            collected.append(chunk)

    writer = threading.Thread(target=os.write, args=(command.stderr, b"x" * 1_000_000 + b"\nlast"))
    writer.start()
    eventually(lambda: command.tee._writing, "the pipe is full")
    reader = threading.Thread(target=read)
    reader.start()
    writer.join(60)
    os.close(command.stderr)
    assert command.tee.finish() == "last"
    os.close(command.sink)
    reader.join(60)
    os.close(command.out)
    assert b"".join(collected) == b"x" * 1_000_000 + b"\nlast"


def test_a_stderr_of_ours_that_is_gone_does_not_stop_the_command() -> None:
    command = Command()
    os.close(command.out)
    for _ in range(3):
        os.write(command.stderr, b"x" * 200_000)
    os.write(command.stderr, b"\nlast")
    os.close(command.stderr)
    assert command.tee.finish() == "last"
    os.close(command.sink)


def test_a_process_left_in_the_background_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stderr, "_GRACE_SECONDS", 0.05)
    command = Command()
    os.write(command.stderr, b"launched\n")
    assert os.read(command.out, 100) == b"launched\n"
    assert command.tee.finish() == "launched"
    assert command.tee._thread.is_alive()
    assert command.end()[0] == "launched"
    command.tee._thread.join(60)


def test_one_that_goes_on_printing_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stderr, "_GRACE_SECONDS", 0.0)
    command = Command()
    thread = command.tee._thread

    class Busy:
        """The thread of a tee that passes on something whenever it is looked at."""

        def is_alive(self) -> bool:
            return True

        def join(self, timeout: float) -> None:
            command.tee._chunks += 1

    command.tee._thread = Busy()  # type: ignore[assignment]  # stands in for the thread
    assert command.tee.finish() == ""
    assert command.tee._chunks == 5
    command.tee._thread = thread
    command.end()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that is full after what Linux lets it hold")
def test_a_slow_reader_of_our_stderr_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], object], str], None]
) -> None:
    monkeypatch.setattr(_stderr, "_GRACE_SECONDS", 0.01)
    command = Command()
    looked = threading.Semaphore(0)
    real_join = command.tee._thread.join

    def join(timeout: float | None = None) -> None:
        looked.release()
        real_join(timeout)

    monkeypatch.setattr(command.tee._thread, "join", join)

    def write() -> None:
        os.write(command.stderr, b"x" * 3_000_000)
        os.close(command.stderr)

    writer = threading.Thread(target=write)
    writer.start()
    before: list[int] = []

    def is_stuck() -> bool:
        before.append(command.tee._chunks)
        return command.tee._writing and before[-1] > 1 and before[-2:] == [before[-1]] * 2

    eventually(is_stuck, "the pipe to the slow reader is full")
    lines: list[str] = []
    finisher = threading.Thread(target=lambda: lines.append(command.tee.finish()))
    finisher.start()
    for _ in range(3):
        assert looked.acquire(timeout=60)
    read = 0
    while read < 3_000_000:
        read += len(os.read(command.out, 65536))
    for thread in (writer, finisher):
        thread.join(60)
    assert lines == ["x" * (LINE_LIMIT - 1) + "…"]
    os.close(command.out)
    os.close(command.sink)


@posix
class TestTerminal:
    """Our own stderr is a terminal."""

    def test_the_command_has_a_terminal_of_the_same_size_that_changes_nothing(self) -> None:
        if sys.platform == "win32":
            return  # the mark skips it; this is for the type checker
        import termios

        ours, sink = os.openpty()
        termios.tcsetwinsize(sink, (33, 101))
        tee = Tee(sink)
        command = os.dup(tee.end)
        assert os.isatty(command)
        assert termios.tcgetwinsize(command) == (33, 101)
        termios.tcsetwinsize(sink, (20, 60))
        assert tee.resize is not None
        tee.resize()
        assert termios.tcgetwinsize(command) == (20, 60)
        tee.start()
        os.write(command, b"a\rb")
        assert os.read(ours, 100) == b"a\rb"
        os.close(command)
        assert tee.finish() == "b"
        tee.resize()  # the command has ended, and the terminal changes all the same
        os.close(sink)
        os.close(ours)

    def test_where_there_is_no_pseudo_terminal_left_it_has_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if sys.platform == "win32":
            return  # the mark skips it; this is for the type checker
        ours, sink = os.openpty()

        def none_left() -> tuple[int, int]:
            raise OSError("out of pty devices")

        monkeypatch.setattr(os, "openpty", none_left)
        tee = Tee(sink)
        assert not os.isatty(tee.end)
        assert tee.resize is None
        tee.start()
        tee.finish()
        os.close(sink)
        os.close(ours)
