"""The ``pulse`` command."""

import errno
import io
import json
import os
import runpy
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, ClassVar

import pytest

import pulse
from pulse import cli, read_status, write_training_status

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs the command with bytes on stdin; returns the exit code, stdout and stderr."""

    def call(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="ascii"))
        code = cli.main(list(arguments))
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Adds ``dance``, which records its arguments here, and ``broken``, which cannot be imported."""
    calls: list[list[str]] = []

    def dance(arguments: list[str]) -> int:
        calls.append(arguments)
        return 4

    module = types.ModuleType("added_commands")
    module.dance = dance  # type: ignore[attr-defined]  # a module made for the test
    monkeypatch.setitem(sys.modules, "added_commands", module)
    entries = [
        EntryPoint("dance", "added_commands:dance", cli.ENTRY_POINTS),
        EntryPoint("broken", "a_package_that_is_not_installed:main", cli.ENTRY_POINTS),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: entries if group == cli.ENTRY_POINTS else [])
    return calls


class TestWrite:
    def test_writes_the_members_given_as_options(self, run: Run, target: str) -> None:
        numbers = ["--epoch", "1", "--total-epochs", "3", "--loss", "0.5", "--timestamp", "0"]
        written = run("write", target, "--status", "running", "--message", "шаг", *numbers)
        assert written == (0, b"", "")
        assert read_status(target).status == {
            "status": "running",
            "epoch": 1.0,
            "total_epochs": 3.0,
            "loss": 0.5,
            "message": "шаг",
            "timestamp": 0,
        }

    def test_takes_the_members_from_stdin(self, run: Run, target: str) -> None:
        members = json.dumps({"status": "done", "message": "шаг", "timestamp": 5}, ensure_ascii=False)
        assert run("write", target, "-", stdin=members.encode()) == (0, b"", "")
        status = read_status(target).status
        assert status is not None
        assert (status["status"], status["message"], status["timestamp"]) == ("done", "шаг", 5)

    @pytest.mark.parametrize(
        "options",
        [
            ["--status", "paused"],
            ["--status", "running", "--loss", "nan"],
            ["--status", "idle", "--epoch", "-1"],
        ],
    )
    def test_a_refusal_exits_1_and_says_why(self, run: Run, target: str, options: list[str]) -> None:
        code, out, err = run("write", target, *options)
        assert (code, out) == (1, b"")
        assert err.startswith("pulse write: ")
        assert not os.path.exists(target)

    @pytest.mark.parametrize(
        "stdin", [b"", b"[]", b'{"status": "idle"', b'{"status": "idle", "lr": 1}', b"{}", b" " * 2**21]
    )
    def test_bad_members_on_stdin_are_refused(self, run: Run, target: str, stdin: bytes) -> None:
        code, _out, err = run("write", target, "-", stdin=stdin)
        assert code == 1
        assert err.startswith("pulse write: ")
        assert not os.path.exists(target)

    def test_a_failed_write_exits_1_and_says_what_became_of_the_file(self, run: Run, target: str) -> None:
        code, _out, err = run("write", target + "/x/y", "--status", "idle")
        assert code == 1
        assert "No such file" in err
        assert "unchanged" in err

    @pytest.mark.parametrize(
        "options",
        [
            [],
            ["--epoch", "1"],
            ["-", "--status", "idle"],
            ["--status", "idle", "--epoch", "one"],
            ["--loss", "-x"],
            ["other"],
        ],
    )
    def test_wrong_usage_exits_2(self, run: Run, target: str, options: list[str]) -> None:
        code, _out, err = run("write", target, *options)
        assert code == 2
        assert "usage: pulse" in err
        assert not os.path.exists(target)

    @pytest.mark.parametrize("number", ["-1e-5", "-1E3", "-.5", "-2", "-1_000.5"])
    @pytest.mark.parametrize("option", [["--loss", "{}"], ["--lo", "{}"], ["--loss={}"]])
    def test_a_negative_number_is_not_an_option(self, run: Run, target: str, number: str, option: list[str]) -> None:
        assert run("write", target, "--status", "running", *(part.format(number) for part in option)) == (0, b"", "")
        status = read_status(target).status
        assert status is not None
        assert status["loss"] == float(number)

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--epoch", "-1e-5"], "must not be negative"),
            (["--total-epochs", "-3e0"], "must not be negative"),
            (["--loss", "-inf"], "must be finite"),
            (["--loss", "-nan"], "must be finite"),
            (["--timestamp", "-1"], "timestamp must be from 0"),
        ],
    )
    def test_one_that_is_refused_is_refused_as_a_number(
        self, run: Run, target: str, options: list[str], reason: str
    ) -> None:
        code, _out, err = run("write", target, "--status", "running", *options)
        assert code == 1
        assert reason in err

    @pytest.mark.parametrize(
        ("given", "written"),
        [
            ("caf\udce9", "caf\ufffd"),  # Latin-1 where UTF-8 is expected
            ("\udcd1\udc88", "ш"),  # UTF-8 where ASCII is expected: the locale C
            ("\ud800", "\ufffd" * 3),  # Windows
        ],
    )
    def test_a_message_that_is_not_utf_8_does_not_stop_the_write(
        self, run: Run, target: str, given: str, written: str
    ) -> None:
        assert run("write", target, "--status", "running", "--message", given) == (0, b"", "")
        status = read_status(target).status
        assert status is not None
        assert status["message"] == written


class TestWriteKeep:
    """``--keep``: a shell script gives only what changes."""

    def test_what_is_not_given_stays_but_for_the_timestamp(self, run: Run, target: str) -> None:
        write_training_status(target, "running", 1.5, 3.0, 0.5, "step 150", 5)
        assert run("write", target, "--keep", "--status", "error", "--message", "killed") == (0, b"", "")
        status = read_status(target).status
        assert status is not None
        assert status["timestamp"] > 5
        assert {**status, "timestamp": 5} == {
            "status": "error",
            "epoch": 1.5,
            "total_epochs": 3.0,
            "loss": 0.5,
            "message": "killed",
            "timestamp": 5,
        }

    def test_alone_it_is_a_sign_of_life(self, run: Run, target: str) -> None:
        write_training_status(target, "running", 1.5, 3.0, 0.5, "step 150", 5)
        assert run("write", target, "--keep")[0] == 0
        status = read_status(target).status
        assert status is not None
        assert (status["status"], status["epoch"], status["timestamp"] > 5) == ("running", 1.5, True)

    def test_members_from_stdin_may_be_some_of_them(self, run: Run, target: str) -> None:
        write_training_status(target, "running", 1.5, 3.0, 0.5, "step 150", 5)
        assert run("write", target, "-", "--keep", stdin=b'{"epoch": 2}')[0] == 0
        status = read_status(target).status
        assert status is not None
        assert (status["epoch"], status["loss"]) == (2.0, 0.5)

    def test_the_first_status_takes_the_defaults(self, run: Run, target: str) -> None:
        assert run("write", target, "--keep", "--status", "running")[0] == 0
        assert read_status(target).status is not None

    def test_without_a_valid_file_a_status_is_required(self, run: Run, target: str) -> None:
        Path(target).write_bytes(b"{")
        code, _out, err = run("write", target, "--keep", "--epoch", "2")
        assert code == 2
        assert "--status is required: there is no valid status to keep" in err


class TestRead:
    def test_prints_the_status_in_utf_8(self, run: Run, target: str) -> None:
        write_training_status(target, "running", 1, 3, 0.5, "шаг", 5)
        code, out, err = run("read", target)
        assert (code, err) == (0, "")
        assert json.loads(out.decode()) == read_status(target).status
        assert "шаг".encode() in out

    def test_prints_the_largest_document_too(self, run: Run, target: str) -> None:
        head, tail = b'{"status":"done","epoch":1,"total_epochs":1,"loss":0,"timestamp":5,"message":"', b'"}'
        Path(target).write_bytes(head.ljust(1024 * 1024 - len(tail), b"x") + tail)
        assert run("read", target)[0] == 0

    @pytest.mark.parametrize(("content", "reason"), [(None, "missing"), (b"{", "invalid")])
    def test_prints_null_and_the_reason(self, run: Run, target: str, content: bytes | None, reason: str) -> None:
        if content is not None:
            Path(target).write_bytes(content)
        code, out, err = run("read", target)
        assert (code, out) == (1, b"null\n")
        assert err.startswith(f"pulse read: {reason}: ")


class TestAddedCommands:
    def test_arguments_pass_through_untouched(self, run: Run, added: list[list[str]]) -> None:
        code, _out, _err = run("dance", "--impl", "x", "--help", "--", "-n")
        assert code == 4
        assert added == [["--impl", "x", "--help", "--", "-n"]]

    def test_help_names_them_without_importing_them(self, run: Run, added: list[list[str]]) -> None:
        code, out, _err = run("--help")
        assert code == 0
        lines = [line.split() for line in out.decode().splitlines()]
        further = lines.index(["further", "commands", "(pulse", "COMMAND", "--help):"])
        assert lines[further + 1 : further + 3] == [["broken"], ["dance"]]
        assert b"selftest" in out

    def test_help_says_what_the_commands_of_the_kit_do(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        entries = [EntryPoint(name, "no_such_module:main", "pulse.commands") for name in cli.KIT_COMMANDS]
        monkeypatch.setattr(cli, "entry_points", lambda group: entries)
        _code, out, _err = run("--help")
        assert b"\n  conformance  judge a writer or a reader" in out
        assert b"\n  stress       put writers and readers under load" in out
        assert b"pip install" not in out

    def test_one_that_cannot_be_imported_says_what_to_install(self, run: Run, added: list[list[str]]) -> None:
        code, out, err = run("broken")
        assert (code, out) == (2, b"")
        assert "pip install pulse-kit" in err
        assert "a_package_that_is_not_installed" in err
        assert err.count("\n") == 1

    def test_help_without_any(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "entry_points", lambda group: [])
        code, out, _err = run("--help")
        assert code == 0
        assert b"further commands" not in out
        assert b"pip install pulse-kit" in b" ".join(out.split())

    @pytest.mark.parametrize("command", ["conformance", "stress"])
    def test_one_of_the_kit_without_the_kit_says_what_to_install(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setattr(cli, "entry_points", lambda group: [])
        code, out, err = run(command, "--help")
        assert (code, out) == (2, b"")
        assert err == f"pulse {command}: not installed. It comes with the kit: python -m pip install pulse-kit\n"


class TestCommand:
    def test_version(self, run: Run) -> None:
        assert run("--version") == (0, f"pulse {pulse.__version__}\n".encode(), "")

    @pytest.mark.parametrize("arguments", [[], ["dance-that-was-never-added"], ["read"]])
    def test_wrong_usage_exits_2(self, run: Run, arguments: list[str]) -> None:
        code, _out, err = run(*arguments)
        assert code == 2
        assert "usage: pulse" in err

    def test_serve_answers_on_stdout(self, run: Run) -> None:
        assert run("serve", stdin=b'{"id": 1, "op": "stop"}\n') == (0, b'{"id": 1, "ok": true}\n', "")

    def test_the_arguments_of_the_process_are_the_default(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["pulse", "selftest"])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_module("pulse", run_name="__main__")
        assert exit_.value.code == 0
        assert "ALL TESTS PASSED (PULSE v1 COMPLIANT)" in capsys.readouterr().out

    def test_importing_the_main_module_runs_nothing(self) -> None:
        assert runpy.run_module("pulse.__main__", run_name="imported")["main"] is cli.main

    @pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
    def test_python_m_pulse_selftest_needs_no_particular_terminal(self, encoding: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "pulse", "selftest"],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        verdict = done.stdout.decode(encoding).splitlines()[-1]
        assert verdict == "=== ALL TESTS PASSED (PULSE v1 COMPLIANT) ==="


@pytest.fixture
def full() -> Iterator[IO[str]]:
    """A file that takes nothing."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w", encoding="utf-8") as file:
        yield file


class TestStreams:
    """A stdout or stderr that is closed, full, or a pipe that no one reads; and a closed stdin."""

    COMMANDS: ClassVar = [["read", "status.json"], ["selftest"], ["serve"], ["--help"], ["--version"]]

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_training_status("status.json", "running")

    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_a_full_stdout_is_an_error(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, full: IO[str], command: list[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdout", full)
        code, _out, err = run(*command, stdin=b'{"id": 1, "op": "stop"}')
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith(f"pulse {command[0]}: ")
        assert os.strerror(errno.ENOSPC) in err

    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_a_pipe_without_a_reader_ends_it_quietly(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
    ) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w", encoding="utf-8") as file:
            monkeypatch.setattr(sys, "stdout", file)
            code, _out, err = run(*command, stdin=b'{"id": 1, "op": "stop"}')
        assert code == 1
        assert sys.platform == "win32" or err == ""

    @pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
    def test_a_closed_stdout_is_an_error(self, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        code, _out, err = run(*command)
        assert (code, err) == (1, f"pulse {command[0]}: [Errno {errno.EBADF}] {os.strerror(errno.EBADF)}: 'stdout'\n")

    @pytest.mark.parametrize("command", [["serve"], ["write", "status.json", "-"]], ids=" ".join)
    def test_a_closed_stdin_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: list[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert cli.main(command) == 1
        assert "'stdin'" in capfd.readouterr().err

    def test_a_write_needs_no_streams(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        assert cli.main(["write", "status.json", "--status", "done"]) == 0
        assert cli.main(["write", "status.json", "--status", "none"]) == 1

    def test_complaints_never_go_to_stdout(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        assert run("read", "missing.json") == (1, b"null\n", "")

    def test_a_full_stderr_changes_nothing(self, run: Run, monkeypatch: pytest.MonkeyPatch, full: IO[str]) -> None:
        monkeypatch.setattr(sys, "stderr", full)
        assert run("read", "missing.json") == (1, b"null\n", "")
        assert run("read")[0] == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of POSIX")
    @pytest.mark.parametrize("shell", [">&-", "2>&-", "| head -n 0", ">/dev/full", ">/dev/full 2>/dev/full"])
    def test_python_adds_nothing_when_it_ends(self, shell: str) -> None:
        command = f'{{ "$0" -m pulse read status.json; echo "$?" >&3; }} 3>code {shell}'
        if "full" in shell and not os.path.exists("/dev/full"):
            pytest.skip("there is no /dev/full")
        environment = {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run(
            ["sh", "-c", command, sys.executable], env=environment, capture_output=True, text=True, check=False
        )
        assert done.stderr.count("\n") <= 1
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr
        if "head" not in shell:  # which may have read before it ends
            assert Path("code").read_text() == ("0\n" if shell == "2>&-" else "1\n")
