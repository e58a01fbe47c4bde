"""``pulse watch`` from the command line to the exit code. Nothing waits: the wait between two polls acts instead."""

import argparse
import importlib.util
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse import cli, write_training_status
from pulse.reader import Reading, read_status
from pulse.watch import command
from pulse.watch.command import watch
from pulse.watch.options import add_parser

Scene = Callable[[], object]


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["watch", *arguments])


def play(*arguments: str, scenes: list[Scene]) -> int:
    """Runs the watch; each wait between two polls plays the next scene, and Ctrl-C comes after the last one."""
    left = list(scenes)

    def wait(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    return watch(parsed(*arguments), wait=wait)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stdout is a terminal that can show everything."""
    monkeypatch.setattr(command, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich is not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rich" else real(name))


class TestOnce:
    @pytest.mark.parametrize(
        ("status", "code"),
        [("idle", 0), ("running", 0), ("done", 0), ("error", 4), (None, 5)],
    )
    def test_the_exit_code_depends_on_the_state(
        self, status: str | None, code: int, target: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if status:
            write_training_status(target, status)
        assert cli.main(["watch", "--once", target]) == code
        assert (status or "missing") in capsys.readouterr().out

    def test_a_run_that_died_is_stalled_at_once(self, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        write_training_status(target, "running", timestamp=1_000_000_000)
        os.utime(target, (1_000_000_000, 1_000_000_000))
        assert cli.main(["watch", "--once", target]) == 3
        assert re.search(r"stalled: no change for \d+ d( \d+ h)?, by ", capsys.readouterr().out)
        assert cli.main(["watch", "--once", "--stalled-after", "inf", target]) == 0

    def test_json_has_a_line_for_each_file(self, target: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        write_training_status(target, "running", 1.0, 4.0, message="шаг")
        assert cli.main(["watch", "--once", "--json", target, target + ".none"]) == 5
        out = capfdbinary.readouterr().out
        first, second = map(json.loads, out.splitlines())
        assert out.isascii()
        assert (first["path"], first["status"]["message"], first["progress"]) == (target, "шаг", 25.0)
        assert (second["status"], second["state"], second["outcome"]) == (None, "unreadable", "missing")

    def test_a_message_cannot_reach_the_terminal(self, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        write_training_status(target, "running", message="\x1b]0;title\x07\u202e")
        cli.main(["watch", "--once", target])
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert r"\x1b]0;title\x07\u202e" in out

    def test_it_never_needs_rich(
        self, target: str, terminal: None, without_rich: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_training_status(target, "done")
        assert cli.main(["watch", "--once", target]) == 0


class TestFiles:
    def test_a_folder_is_refused_with_an_example(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["watch", "--once", str(tmp_path)]) == 2
        assert f"is a folder: name the files in it, for example {tmp_path}{os.sep}*.json" in capsys.readouterr().err

    def test_a_pattern_that_the_shell_left_alone_is_expanded(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("b", "a"):
            write_training_status(tmp_path / f"{name}.json", "done", message=name)
        assert cli.main(["watch", "--once", "--ascii", str(tmp_path / "*.json")]) == 0
        assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]

    def test_one_that_matches_nothing_is_a_missing_file_of_that_name(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On Windows no file can have this name."""
        pattern = str(tmp_path / "*.json")
        assert cli.main(["watch", "--once", pattern]) == 5
        out = capsys.readouterr().out
        assert out.startswith(f"? {pattern} ")
        if sys.platform != "win32":
            assert re.search(r"  missing for \d+ s  no file matches; patterns are expanded once, at the start\n", out)

    def test_a_folder_beside_files_stops_none_of_them(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = tmp_path / "folder.json"
        folder.mkdir()
        write_training_status(tmp_path / "a.json", "done")
        assert cli.main(["watch", "--once", str(tmp_path / "*.json")]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
        assert cli.main(["watch", "--once", str(folder), str(tmp_path / "a.json")]) == 5
        said = capsys.readouterr().out  # Windows says "Access denied" of a folder
        assert re.search(r"folder +unreadable for \d+ s  (not a regular file|\[WinError 5\].*)\n. a +done", said)

    def test_a_pattern_that_matches_nothing_but_folders_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "runs").mkdir()
        assert cli.main(["watch", "--once", str(tmp_path / "*")]) == 2
        assert f"{tmp_path / 'runs'} is a folder" in capsys.readouterr().err

    @pytest.mark.skipif(sys.platform == "win32", reason="no such name on Windows")
    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_training_status(tmp_path / "[a].json", "done")
        write_training_status(tmp_path / "a.json", "error")
        assert cli.main(["watch", "--once", str(tmp_path / "[a].json")]) == 0

    def test_a_file_named_twice_is_shown_once(self, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        write_training_status(target, "done")
        cli.main(["watch", "--once", target, target])
        assert len(capsys.readouterr().out.splitlines()) == 1

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--interval", "0"], "above 0"),
            (["--interval", "soon"], "above 0"),
            (["--interval", "1e9"], "at most 86400"),
            (["--stalled-after", "nan"], "above 0"),
            (["--on", "begin", "x"], "must be one of error, stalled, done"),
            (["--on", "done", " "], "is empty"),
        ],
    )
    def test_wrong_usage(self, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["watch", "x.json", *arguments]) == 2
        assert reason in capsys.readouterr().err


class TestFollow:
    def test_json_lines_come_at_every_poll_until_the_run_has_ended(
        self, target: str, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        scenes: list[Scene] = [
            lambda: write_training_status(target, "running", 1.0, 2.0),
            lambda: None,
            lambda: Path(target).write_text('{"status"'),
            lambda: write_training_status(target, "done", 2.0, 2.0),
        ]
        assert play("--json", "--exit-when-ended", target, scenes=scenes) == 0
        lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        assert [line["state"] for line in lines] == ["unreadable", "running", "running", "unreadable", "done"]
        assert lines[3]["status"]["epoch"] == 1.0

    def test_lines_are_printed_for_what_is_new(self, target: str, capsys: pytest.CaptureFixture[str]) -> None:
        scenes: list[Scene] = [
            lambda: None,
            lambda: write_training_status(target, "running", 1.0, 2.0, message="one"),
            lambda: None,
            lambda: write_training_status(target, "error", 1.0, 2.0, message="two"),
        ]
        assert play("--exit-when-ended", target, scenes=scenes) == 4
        lines = capsys.readouterr().out.splitlines()
        assert [re.sub(r".*(missing|one|two).*", r"\1", line) for line in lines] == ["missing", "one", "two"]
        assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)

    def test_a_run_that_has_ended_stays_ended_when_its_file_is_removed(self, tmp_path: Path) -> None:
        first, second = str(tmp_path / "a.json"), str(tmp_path / "b.json")
        write_training_status(first, "done")
        write_training_status(second, "running")
        scenes: list[Scene] = [lambda: os.unlink(first), lambda: write_training_status(second, "done")]
        assert play("--exit-when-ended", first, second, scenes=scenes) == 0

    def test_ctrl_c_is_130(self, target: str) -> None:
        assert play(target, scenes=[]) == 130

    def test_sigterm_is_143_and_its_handler_is_restored(self, target: str) -> None:
        before = signal.getsignal(signal.SIGTERM)
        assert play(target, scenes=[lambda: signal.raise_signal(signal.SIGTERM)]) == 143
        assert signal.getsignal(signal.SIGTERM) is before

    def test_works_in_a_thread_which_cannot_ask_for_signals(self, target: str) -> None:
        codes: list[int] = []
        write_training_status(target, "done")
        thread = threading.Thread(target=lambda: codes.append(play("--exit-when-ended", target, scenes=[])))
        thread.start()
        thread.join(60)
        assert codes == [0]

    def test_the_time_between_two_polls_is_the_interval(self, target: str) -> None:
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            write_training_status(target, "done")

        assert watch(parsed("--interval", "0.5", "--exit-when-ended", target), wait=wait) == 0
        assert waits == [0.5]

    def test_a_command_is_run_at_the_end_and_waited_for(self, target: str, tmp_path: Path) -> None:
        code = tmp_path / "tell.py"
        code.write_text("import os, sys; open(sys.argv[1], 'w').write(os.environ['PULSE_MESSAGE']); sys.exit(3)")
        told = tmp_path / "told"
        write_training_status(target, "running")
        line = f'"{sys.executable}" "{code}" "{told}"'
        ends: list[Scene] = [lambda: write_training_status(target, "error", message="no memory")]
        begun = threading.Event()  # waits in the place of sleep, until the command has ended

        def wait(seconds: float) -> None:
            if ends:
                ends.pop()()
            else:
                begun.wait(seconds)

        options = parsed("--json", "--exit-when-ended", "--on", "error", line, "--on", "done", "exit 1", target)
        assert watch(options, wait=wait) == 4
        assert told.read_text() == "no memory"

    def test_what_went_wrong_with_a_command_is_said_on_stderr(
        self, target: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OSError("no shell")

        monkeypatch.setattr("pulse.watch.hooks.start", refuse)
        for form in ("--json", "--ascii"):
            write_training_status(target, "running")
            ends: list[Scene] = [lambda: write_training_status(target, "done")]
            assert play(form, "--exit-when-ended", "--on", "done", "tell", target, scenes=ends) == 0
            assert re.search(r"pulse watch: --on done \(.*\): no shell: tell\n", capsys.readouterr().err)


class TestDisksThatDoNotAnswer:
    """A read that hangs: it ends with the test."""

    @pytest.fixture
    def hung(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        path, ends, real = str(tmp_path / "hung.json"), threading.Event(), read_status

        def read(asked: str) -> Reading:
            if asked == path:
                ends.wait()
            return real(asked)

        monkeypatch.setattr("pulse.reader.read_status", read)
        monkeypatch.setattr(command, "PATIENCE", 0.2)
        monkeypatch.setattr(command, "PATIENCE_ONCE", 0.2)
        yield path
        ends.set()

    def test_once_answers_all_the_same(
        self, hung: str, target: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command, "PATIENCE_ONCE", 3.0)  # enough for the file that answers
        write_training_status(target, "running", 1.0, 4.0)
        assert cli.main(["watch", "--once", "--json", hung, target]) == 5
        first, second = map(json.loads, capfdbinary.readouterr().out.splitlines())
        assert (first["state"], first["outcome"]) == ("unreadable", "unreadable")
        assert re.fullmatch(r"not looked at for \d+ s: its disk does not answer", first["detail"])
        assert (second["state"], second["progress"]) == ("running", 25.0)

    def test_the_other_files_are_followed_to_their_end(
        self, hung: str, target: str, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        write_training_status(target, "running")
        states: list[str] = []

        def wait(seconds: float) -> None:
            lines = map(json.loads, capfdbinary.readouterr().out.splitlines())
            states.extend(line["state"] for line in lines if line["path"] == target)
            if "running" in states:
                write_training_status(target, "error")
            if "error" in states:
                raise KeyboardInterrupt

        assert watch(parsed("--json", hung, target), wait=wait) == 130
        assert "running" in states

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_the_watch_while_it_waits_for_one(
        self, number: signal.Signals, code: int, hung: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command, "PATIENCE", 3600.0)
        real = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            """The thread that hangs is started, and then the signal comes."""
            real(thread)
            if signal.getsignal(signal.SIGTERM) is command._terminate:
                signal.raise_signal(number)

        monkeypatch.setattr(threading.Thread, "start", start)
        assert watch(parsed("--json", hung)) == code

    def test_a_pattern_on_such_a_disk_stands_for_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ends = threading.Event()

        def glob(_: str) -> list[str]:
            ends.wait()
            return []

        monkeypatch.setattr("pulse.watch.files.glob.glob", glob)
        monkeypatch.setattr(command, "PATIENCE_ONCE", 0.2)
        assert cli.main(["watch", "--once", str(tmp_path / "*.json")]) == 5
        ends.set()
        assert "*" in capsys.readouterr().out


class TestScreens:
    def test_a_terminal_gets_the_panel(self, target: str, terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
        write_training_status(target, "done", 3.0, 3.0)
        assert play("--exit-when-ended", target, scenes=[]) == 0
        assert "pulse watch · 1 done" in capsys.readouterr().out

    def test_a_terminal_that_can_do_nothing_gets_lines(
        self, target: str, terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("TERM", "dumb")
        write_training_status(target, "done")
        assert play("--exit-when-ended", target, scenes=[]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1

    def test_without_rich_one_line_says_how_to_install_it(
        self, target: str, terminal: None, without_rich: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert play(target, scenes=[]) == 2
        message = capsys.readouterr().err
        assert 'python -m pip install "pulse-status[watch]"' in message
        assert message.count("\n") == 1

    def test_ascii_works_without_it(
        self, target: str, terminal: None, without_rich: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_training_status(target, "done", message="шаг")
        assert play("--ascii", "--exit-when-ended", target, scenes=[]) == 0
        out = capsys.readouterr().out
        assert out.isascii()
        assert r"\u0448" in out

    def test_a_locale_without_the_characters_gets_ascii_and_is_no_error(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
        monkeypatch.setattr(sys, "stdout", stream)
        write_training_status(target, "done", message="é шаг")
        assert watch(parsed("--once", target)) == 0
        stream.flush()
        printed = stream.buffer
        assert isinstance(printed, io.BytesIO)
        assert printed.getvalue().startswith(b"+ test_a_locale")
        assert rb"\u0448" in printed.getvalue()
