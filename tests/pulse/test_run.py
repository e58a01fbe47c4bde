"""``pulse run``: any training command, with its status kept for it."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse import cli, write_training_status
from pulse.run import _shown, exit_code, failure_of
from tests.pulse.training_support import status_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor pseudo-terminals")

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def run(target: str, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a Python script under the command; returns the exit code, stdout and stderr."""

    def call(script: str, *options: str) -> tuple[int, bytes, str]:
        command = [sys.executable, "-c", textwrap.dedent(script)]
        code = cli.main(["run", "--path", target, *options, "--", *command])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


@pytest.fixture
def started(target: str) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the command with a Python script in a process of its own, and waits until the script prints a line."""

    def start(script: str, *before: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "pulse",
            "run",
            "-o",
            target,
            "--",
            sys.executable,
            "-c",
            textwrap.dedent(script),
        ]
        process = subprocess.Popen([*before, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    return start


class TestEnds:
    def test_running_at_the_start_and_done_at_the_end(self, run: Run, target: str) -> None:
        script = f"""
            import pulse
            status = pulse.read_status({target!r}).status
            print(status["status"], status["epoch"], status["total_epochs"], status["message"])
        """
        code, out, err = run(script, "--total-epochs", "3", "--message", "first try")
        assert (code, out.split(), err) == (0, b"running 0.0 3.0 first try".split(), "")
        ended = status_of(target)
        assert (ended["status"], ended["epoch"], ended["message"]) == ("done", 3.0, "Training completed")

    def test_a_failure_is_an_error_with_the_exit_code_and_the_last_line(self, run: Run, target: str) -> None:
        code, _out, err = run("raise ValueError('bad batch')")
        assert code == 1
        assert err.splitlines()[-1] == "ValueError: bad batch"
        assert (status_of(target)["status"], status_of(target)["message"]) == (
            "error", "exit code 1: ValueError: bad batch",
        )  # fmt: skip

    @posix
    def test_a_killed_command_is_an_error_with_the_name_of_the_signal(self, run: Run, target: str) -> None:
        assert run("import os; os.kill(os.getpid(), 9)")[0] == 137
        assert (status_of(target)["status"], status_of(target)["message"]) == ("error", "SIGKILL")

    @pytest.mark.parametrize(("name", "code"), [("no-such-command-here", 127), ("folder", 126)])
    def test_one_that_cannot_be_started_is_an_error(
        self, target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, code: int
    ) -> None:
        if code == 126 and sys.platform == "win32":
            pytest.skip("Windows does not say why a file cannot be run")
        command = str(tmp_path) if name == "folder" else name
        assert cli.main(["run", "-o", target, command]) == code
        assert capfd.readouterr().err.startswith(f"pulse run: {command} cannot be started: ")
        assert status_of(target)["message"].startswith(f"{command} cannot be started: ")

    @pytest.mark.parametrize(
        ("returncode", "code", "failure"),
        [
            (0, 0, None),
            (1, 1, "exit code 1: last"),
            (-9, 137, "SIGKILL: last"),
            (-15, 143, "SIGTERM: last"),
            (0xC0000005, -1073741819, "exit code 3221225477: last"),
        ],
    )
    def test_codes_and_reasons(self, returncode: int, code: int, failure: str | None) -> None:
        if returncode < 0 and sys.platform == "win32":
            pytest.skip("a process is not ended by a signal on Windows")
        assert (exit_code(returncode), failure_of(returncode, "last")) == (code, failure)

    @posix
    def test_a_script_that_names_no_interpreter_is_run_by_the_shell(
        self, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        script = tmp_path / "train"
        script.write_text('echo "$1"\nexit 3\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        for command in ("train", str(script)):
            assert cli.main(["run", "-o", target, command, "trained"]) == 3
            assert capfd.readouterr().out == "trained\n"

    @posix
    def test_a_program_for_another_machine_is_not_taken_for_a_script(
        self, target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        program = tmp_path / "train"
        program.write_bytes(b"\x7fELF\0\0\0\0echo trained\n")
        program.chmod(0o755)
        assert cli.main(["run", "-o", target, str(program)]) == 126
        assert "cannot be started" in capfd.readouterr().err

    def test_a_reason_without_a_last_line(self) -> None:
        assert failure_of(2, "") == "exit code 2"


class TestStreams:
    def test_stdin_stdout_and_stderr_are_those_of_the_command(self, target: str) -> None:
        script = "import sys; sys.stdout.write(sys.stdin.read()); sys.stderr.write('a\\rb\\xff')"
        command = [sys.executable, "-m", "pulse", "run", "-o", target, "--", sys.executable, "-c", script]
        done = subprocess.run(
            command,
            input=b"one\ntwo",
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        )
        assert (done.stdout, done.stderr) == (f"one{os.linesep}two".encode(), b"a\rb\xff")

    def test_arguments_of_the_command_are_its_own(self, target: str, capfd: pytest.CaptureFixture[str]) -> None:
        script = "import sys; print(sys.argv[1:])"
        cli.main(["run", "-o", target, sys.executable, "-c", script, "--lr", "-1e-5", "--", "-o", "x", "--help"])
        assert capfd.readouterr().out.splitlines() == ["['--lr', '-1e-5', '--', '-o', 'x', '--help']"]

    @posix
    @pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
    def test_it_works_without_streams(self, target: str, closed: str) -> None:
        script = f'exec "{sys.executable}" -m pulse run -o "$0" -- sh -c "echo last >&2; exit 3" {closed}'
        assert subprocess.run(["sh", "-c", script, target], check=False, timeout=120).returncode == 3
        assert status_of(target)["status"] == "error"

    @posix
    def test_what_it_leaves_in_the_background_does_not_hold_it_up(self, target: str) -> None:
        if sys.platform == "win32":
            return  # the mark skips it; this is for the type checker
        script = "sleep 600 & echo $! ; echo launched >&2"
        command = [sys.executable, "-m", "pulse", "run", "-o", target, "--", "sh", "-c", script]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        left = int(process.stdout.readline())  # it has the pipe open, so reading on would wait for it
        try:
            assert process.wait(120) == 0
        finally:
            os.kill(left, signal.SIGKILL)
            process.stdout.close()
        assert status_of(target)["status"] == "done"

    @posix
    def test_every_descriptor_that_was_passed_on_is_the_command_s_and_no_other(self, target: str) -> None:
        if sys.platform != "linux":
            pytest.skip("descriptors can be listed only where there is /proc")
        script = "import os; print(os.read(7, 9), *sorted(set(os.listdir('/proc/self/fd')) - {'3'}))"
        command = [sys.executable, "-m", "pulse", "run", "-o", target, "--", sys.executable, "-c", script]
        shell = '{ echo data; } | { exec "$@" 7<&0 </dev/null; }'
        done = subprocess.run(["sh", "-c", shell, "sh", *command], capture_output=True, check=True, timeout=120)
        assert done.stdout.split() == [b"b'data\\n'", b"0", b"1", b"2", b"7"]

    @posix
    def test_a_terminal_stays_one(self, target: str) -> None:
        if sys.platform == "win32":
            return  # the mark skips it; this is for the type checker
        ours, theirs = os.openpty()
        script = "import sys, os; sys.stderr.write(f'{os.isatty(2)}\\rlast'); sys.exit(4)"
        command = [sys.executable, "-m", "pulse", "run", "-o", target, "--", sys.executable, "-c", script]
        process = subprocess.Popen(command, stderr=theirs)
        os.close(theirs)
        assert process.wait(120) == 4
        shown = os.read(ours, 1000)
        os.close(ours)
        assert shown == b"True\rlast"
        assert status_of(target)["message"] == "exit code 4: last"


class TestOwnStatus:
    """The command writes the same file."""

    def test_its_path_is_in_the_environment(self, run: Run, target: str) -> None:
        script = """
            import pulse
            with pulse.training(total_epochs=5) as run:
                run.update(2.5, 0.7)
                run.done("its own words")
        """
        assert run(script)[0] == 0
        assert (status_of(target)["epoch"], status_of(target)["message"]) == (5.0, "its own words")

    @posix
    def test_what_it_wrote_before_it_was_killed_is_kept(self, run: Run, target: str) -> None:
        script = """
            import os, pulse
            run = pulse.training(total_epochs=5)
            run.update(2.5, 0.7)
            run.close()
            os.kill(os.getpid(), 9)
        """
        assert run(script)[0] == 137
        ended = status_of(target)
        assert (ended["status"], ended["epoch"], ended["total_epochs"], ended["loss"], ended["message"]) == (
            "error", 2.5, 5.0, 0.7, "SIGKILL",
        )  # fmt: skip

    def test_its_own_error_stands(self, run: Run, target: str) -> None:
        assert run("import pulse\nwith pulse.training() as run: raise ValueError('bad batch')")[0] == 1
        assert status_of(target)["message"] == "ValueError: bad batch"


@posix
class TestSignals:
    def test_they_are_passed_on_and_the_command_decides(
        self, started: Callable[..., subprocess.Popen[bytes]], target: str
    ) -> None:
        if sys.platform == "win32":
            return  # the mark skips it; this is for the type checker
        script = """
            import signal, sys
            def stop(number, frame):
                print("saved", file=sys.stderr)
                sys.exit(5)
            signal.signal(signal.SIGUSR1, stop)
            print("ready", flush=True)
            while True: pass
        """
        process = started(script)
        process.send_signal(signal.SIGUSR1)
        _out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (5, b"saved\n")
        assert status_of(target)["message"] == "exit code 5: saved"

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
    def test_one_that_ends_the_command_is_the_reason(
        self, started: Callable[..., subprocess.Popen[bytes]], target: str, name: str
    ) -> None:
        # In a session of its own there is no terminal, at which the signal might have been typed.
        script = (
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('ready', flush=True)\nwhile True: pass"
        )
        process = started(
            script, sys.executable, "-c", "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"
        )
        process.send_signal(getattr(signal, name))
        process.communicate(timeout=120)
        assert process.returncode == 128 + getattr(signal, name)
        assert status_of(target)["message"] == name

    def test_a_run_that_is_killed_leaves_the_command_and_a_file_that_says_running(
        self, started: Callable[..., subprocess.Popen[bytes]], target: str
    ) -> None:
        process = started("import sys; print('ready', flush=True); print(sys.stdin.read())")
        process.kill()
        process.communicate(timeout=120)
        assert status_of(target)["status"] == "running"


class TestSettings:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ([], "the command is missing"),
            (["--"], "the command is missing"),
            (["--heartbeat", "x", "true"], "a number, 0 or more, is needed, not 'x'"),
            (["--heartbeat", "nan", "true"], "a number, 0 or more, is needed, not 'nan'"),
            (["--total-epochs", "inf", "true"], "a number, 0 or more, is needed, not 'inf'"),
            (["--total-epochs=-1", "true"], "a number, 0 or more, is needed, not '-1'"),
            (["--total-epochs", "nan", "true"], "a number, 0 or more, is needed, not 'nan'"),
        ],
    )
    def test_wrong_usage_exits_2(self, capfd: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
        assert cli.main(["run", *arguments]) == 2
        assert why in capfd.readouterr().err

    @pytest.mark.parametrize("heartbeat", ["0", "1e10", "inf", "Infinity"])
    def test_signs_of_life_may_be_as_rare_as_one_likes(self, run: Run, target: str, heartbeat: str) -> None:
        assert run("print('trained')", "--heartbeat", heartbeat) == (0, f"trained{os.linesep}".encode(), "")
        assert status_of(target)["status"] == "done"

    def test_the_default_path_and_a_message_that_names_the_program(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PULSE_PATH", raising=False)
        monkeypatch.chdir(tmp_path)
        script = "import pulse, sys; sys.exit(pulse.read_status('training_status.json').status['message'])"
        assert cli.main(["run", sys.executable, "-c", script, "--api-key=sk-1"]) == 1
        message = status_of(str(tmp_path / "training_status.json"))["message"]
        assert message == f"exit code 1: {os.path.basename(sys.executable)}"

    @pytest.mark.parametrize(
        ("command", "shown"),
        [
            (["/usr/bin/python3", "-u", "runs/train.py", "--api-key=sk-1", "other.py"], "python3 train.py"),
            (["python", "-m", "package.train", "--api-key", "sk-1"], "python -m package.train"),
            (["python", "-m"], "python"),
            (["torchrun", "--nproc-per-node", "4", "train.py", "sk-1"], "torchrun train.py"),
            (["mysql", "-m", "secret"], "mysql"),
            (["env", "KEY=sk-1.py", "bash", "train.sh"], "env train.sh"),
            (["bash", "-c", "curl -H 'Key: sk-1' https://user:password@example.org/"], "bash"),
            (["./train", "--key=/etc/key.py", "sk-1"], "train"),
        ],
    )
    def test_a_message_shows_nothing_that_may_be_a_secret(self, command: list[str], shown: str) -> None:
        assert _shown(command) == shown

    def test_a_path_from_the_environment(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PULSE_PATH", target)
        assert cli.main(["run", sys.executable, "-c", ""]) == 0
        assert status_of(target)["status"] == "done"

    @pytest.mark.parametrize(("environ", "options"), [("1", []), ("0", ["--rank", "1"])])
    def test_another_rank_writes_nothing(
        self, run: Run, target: str, monkeypatch: pytest.MonkeyPatch, environ: str, options: list[str]
    ) -> None:
        monkeypatch.setenv("RANK", environ)
        assert run("raise SystemExit(3)", *options)[0] == 3
        assert not os.path.exists(target)

    def test_a_disk_that_fails_does_not_stop_the_command(
        self, target: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        Path(target).write_text("a file, and not the folder that is needed")
        assert (
            cli.main(["run", "-o", os.path.join(target, "status.json"), sys.executable, "-c", "print('trained')"]) == 0
        )
        assert capfd.readouterr().out.splitlines() == ["trained"]
        assert "the status is not written, and the command goes on" in caplog.text

    @posix
    def test_a_working_folder_that_is_gone_does_not_stop_the_command(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert cli.main(["run", "echo", "trained"]) == 0
        assert capfd.readouterr().out == "trained\n"


def test_a_stale_end_of_an_earlier_run_is_replaced(run: Run, target: str) -> None:
    write_training_status(target, "done", 9.0, 9.0, message="an earlier run")
    assert run("raise SystemExit(3)")[0] == 3
    assert (status_of(target)["status"], status_of(target)["message"]) == ("error", "exit code 3")
