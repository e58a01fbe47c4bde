"""``pulse run``: run any training command, and keep its status file for it."""

import argparse
import errno
import math
import os
import re
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from pulse._streams import complain
from pulse.training import DEFAULT_PATH, PATH_VARIABLE

if TYPE_CHECKING:  # what only this command needs is imported when it runs
    import subprocess

    from pulse._run_status import RunStatus
    from pulse._signals import Forwarding

__all__ = ["add_parser", "exit_code", "failure_of", "run"]

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a command that could not be started, as in a shell (POSIX, Shell Command Language, 2.8.2)."""

_HEARTBEAT_SECONDS = 10.0
_MODULE = re.compile(r"[\w.]{1,100}")
_SCRIPT = re.compile(
    r"\w[\w.+-]{0,100}\.(?:bash|cjs|exe|ipynb|jar|jl|js|lua|m|mjs|php|pl|py|r|rb|sh|ts)", re.IGNORECASE
)
_LOOKED_AT = 128  # bytes of a file that might be a script, as in bash


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``run`` to the commands of the parser."""
    parser = commands.add_parser(
        "run",
        help="run a training command and keep its status file: running, then done or error",
        usage="pulse run [-h] [-o FILE] [--total-epochs X] [--message TEXT] [--heartbeat SECONDS] [--rank N] "
        "-- COMMAND [ARGUMENT ...]",
        description="Run a training command, and write its status: running at its start, done or error at its end. "
        "Input, output, signals and the exit code are those of the command; 128 + N after signal N, 127 when it is "
        "not found, 126 when it cannot be run. What the command writes into the same file itself is kept.",
    )
    parser.add_argument(
        "-o",
        "--path",
        metavar="FILE",
        help=f"the status file; the command finds it in {PATH_VARIABLE} (default: that variable, else {DEFAULT_PATH})",
    )
    parser.add_argument(
        "--total-epochs", type=_not_negative, default=0.0, metavar="X", help="epochs planned (default 0.0: unknown)"
    )
    parser.add_argument(
        "--message", metavar="TEXT", help="a line for people who watch the run (default: the program and its script)"
    )
    parser.add_argument(
        "--heartbeat",
        type=_seconds,
        default=_HEARTBEAT_SECONDS,
        metavar="SECONDS",
        help=f"refresh the timestamp of an unchanged file this often, 0 for never (default {_HEARTBEAT_SECONDS})",
    )
    parser.add_argument(
        "--rank",
        type=int,
        metavar="N",
        help="of this process; only rank 0 writes (default: from RANK, SLURM_PROCID or OMPI_COMM_WORLD_RANK)",
    )
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments")


def _seconds(text: str) -> float:
    """A time; infinity is 0, which is never."""
    return 0.0 if text.strip().lower() in ("inf", "infinity") else _not_negative(text)


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number, 0 or more, is needed, not {text!r}")
    return value


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """``pulse run``; returns the exit code of the command.

    Raises:
        SystemExit: there is no command; argparse has said so.
    """
    command = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not command:
        parser.error("run: the command is missing: pulse run [OPTIONS] -- COMMAND [ARGUMENT ...]")
    from pulse._signals import Forwarding

    path = os.path.join(_working_folder(), options.path or os.environ.get(PATH_VARIABLE) or DEFAULT_PATH)
    status = _status(path, command, options)
    with Forwarding() as forwarding:  # before the status says that a command is running
        if status is not None:
            status.start()
        code, failure = _execute(command, {**os.environ, PATH_VARIABLE: path}, forwarding)
        if status is not None:
            status.end(failure)
    return code


def _status(path: str, command: list[str], options: argparse.Namespace) -> "RunStatus | None":
    """The status that is to be kept; ``None`` in a process that does not write one."""
    from pulse._problems import Problems
    from pulse._rank import rank_of
    from pulse._run_status import RunStatus

    if (rank_of(os.environ) if options.rank is None else options.rank) != 0:
        return None
    message = _shown(command) if options.message is None else options.message
    return RunStatus(path, options.total_epochs, message, options.heartbeat or None, Problems())


def _working_folder() -> str:
    """The working folder; empty when it is gone: then the writes say so."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _shown(command: list[str]) -> str:
    """A command as a message shows it, to all who may read the file: the program and its script, or Python module.

    Anything else may be a secret: a key, code, an address with a password.
    """
    program = os.path.basename(command[0])
    for argument, following in pairwise([*command[1:], ""]):
        if argument == "-m" and program.startswith("py") and _MODULE.fullmatch(following):
            return f"{program} -m {following}"
        script = os.path.basename(argument)
        if not argument.startswith("-") and _SCRIPT.fullmatch(script):
            return f"{program} {script}"
    return program


def _execute(command: list[str], environ: dict[str, str], forwarding: "Forwarding") -> tuple[int, str | None]:
    """Run a command to its end.

    Returns:
        The exit code for the caller, and why the command has failed, or ``None``.
    """
    from pulse._stderr import Tee

    tee = Tee(2)
    forwarding.on_resize(tee.resize)
    try:
        process = _start(command, tee.end, environ)
    except OSError as error:
        why = f"{command[0]} cannot be started: {error.strerror}"
        complain(f"pulse run: {why}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE, why
    finally:
        tee.start()
    forwarding.to(process.send_signal)
    returncode = process.wait()
    return exit_code(returncode), failure_of(returncode, tee.finish())


def exit_code(returncode: int) -> int:
    """The exit code for the caller of a command that has ended, as a shell has it.

    Args:
        returncode: that of ``subprocess``: negative after a signal; on Windows up to 2^32.

    Returns:
        128 + N after signal N; on Windows the same 32 bits as a signed number, which ``sys.exit`` passes on.
    """
    if returncode >= 2**31:
        return returncode - 2**32
    return 128 - returncode if returncode < 0 else returncode


def failure_of(returncode: int, last_line: str) -> str | None:
    """Why a command has failed, for a message: its exit code or signal, and what it printed last; ``None`` if not."""
    if returncode == 0:
        return None
    from pulse._signals import signal_name

    reason = signal_name(-returncode) if returncode < 0 else f"exit code {returncode}"
    return f"{reason}: {last_line}" if last_line else reason


if sys.platform == "win32":

    def _start(command: list[str], stderr: int, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a command; Windows itself would find only .exe.

        Raises:
            OSError: it cannot be started.
        """
        import shutil
        import subprocess

        return subprocess.Popen([shutil.which(command[0]) or command[0], *command[1:]], stderr=stderr, env=environ)

else:

    def _start(command: list[str], stderr: int, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a command, with every descriptor that we were given to pass on: no one of ours is inherited.

        Raises:
            OSError: it cannot be started.
        """
        import shutil
        import subprocess

        def start(arguments: list[str]) -> "subprocess.Popen[bytes]":
            return subprocess.Popen(arguments, stderr=stderr, env=environ, close_fds=False)

        try:
            return start(command)
        except OSError as error:
            script = shutil.which(command[0]) or command[0]
            if error.errno != errno.ENOEXEC or not _is_text(script):
                raise
            return start(["/bin/sh", script, *command[1:]])  # as execvp does, and so env, nohup and every shell

    def _is_text(path: str) -> bool:
        """Whether a file looks like a script without ``#!``, and not like a program for another machine.

        Raises:
            OSError: it cannot be read.
        """
        with open(path, "rb") as file:
            return b"\0" not in file.read(_LOOKED_AT)
