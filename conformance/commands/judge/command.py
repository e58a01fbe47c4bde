"""``pulse judge``: runs a program as it is and says what becomes of the files that it rewrites."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.execution import Command
from conformance.commands.judge.folder import FolderError, Stage, measured
from conformance.commands.judge.inquiry import Inquiry, Judged, Wish
from conformance.commands.judge.report import Report
from conformance.commands.judge.undisturbed import CannotJudge
from conformance.commands.judge.valid_option import chosen_validator, valid_option
from conformance.contract.errors import Unmeasured
from conformance.reporting.results import Exit, results_file
from conformance.runner.command_line import FOLDER, SECONDS, report_option, run_command, seed_option
from conformance.syscalls.tracer.calls import TraceError

__all__ = ["main"]

NAME = "pulse judge"


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option("--target", "targets", multiple=True, metavar="FILE", help="Judge this file only; repeatable.")
@valid_option()
@click.option(
    "--budget", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds for kills and errors."
)
@click.option(
    "--run-seconds", type=SECONDS, default=60.0, show_default=True, help="How long one run of the command may take."
)
@click.option("--stdin", "given", type=click.Path(path_type=Path), help="What the command reads; else nothing.")
@click.option("--dir", "folder", type=FOLDER, default=Path(), help="The folder to copy.  [default: this one]")
@click.option("--resume", metavar="CMD", default="", help="What runs after a kill.  [default: COMMAND]")
@click.option("--result", metavar="FILE|CMD", default="", help="What a run after a kill must bring, too.")
@click.option("--point", default="*", metavar="GLOB", help="Only the kills and errors at matching points.")
@click.option("--depth", type=click.IntRange(1, 2), default=1, show_default=True, help="2: disturb the next run, too.")
@seed_option("Where the series of points start.")
@report_option("Folder for results.jsonl.")
def _command(words: tuple[str, ...], **given: Any) -> int:
    """Run COMMAND as it is, many times, and say what it may do to the files that it rewrites.

    It runs in a private copy of a folder, under the kit's tracer (Linux): undisturbed, then killed at each operation
    on the files and run again, and with each operation failing. For each file: can a reader see half of it? Does a
    kill, a power cut or a full disk destroy it? What is left behind, what is lost?

    Exit codes: 0 nothing found; 1 something found; 2 usage; 4 something could not be judged.
    """
    if sys.platform != "linux":
        click.echo(f"{NAME}: not judged: the syscall engine needs Linux", err=True)
        return Exit.INCONCLUSIVE
    if "/" in given["point"] and given["depth"] == 1:
        raise click.UsageError(f"--point {given['point']}: a point of the next run, which needs --depth 2")
    folder: Path = given["folder"].resolve()
    if not folder.is_dir():
        raise click.UsageError(f"--dir {given['folder']}: is no folder")
    _require_command(words[0], folder)
    command = Command(_reachable(words, folder), _given(given["given"]), given["run_seconds"])
    wish = _wish(given, folder)
    report = Report(words, given)
    try:
        size = measured(folder)
        with Stage(folder) as stage, results_file(given["report"]) as file:
            report.copied(folder, size)
            inquiry = Inquiry(stage, command, wish)
            files = inquiry.first()
            report.first(inquiry, files)
            rest = inquiry.rest(report.progress) if any(each.answers for each in files) else {}
            judged = [_with(each, rest) for each in files]
            return report.last(inquiry, judged, file, folder)
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    except (CannotJudge, Unmeasured, TraceError) as error:
        click.echo(f"{NAME}: not judged: {error}", err=True)
        return Exit.INCONCLUSIVE


def _with(each: Judged, rest: Mapping[str, tuple[Answer, ...]]) -> Judged:
    return dataclasses.replace(each, answers=(*each.answers, *rest.get(each.name, ())))


def _given(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError as error:
        raise click.UsageError(f"--stdin {path}: cannot be read: {error.strerror}") from error


def _wish(given: Mapping[str, Any], folder: Path) -> Wish:
    kind = given["valid"] or ""
    return Wish(
        targets=tuple(dict.fromkeys(_target(name, folder) for name in given["targets"])),
        kind=kind,
        valid=chosen_validator(kind),
        seed=secrets.randbits(32) if given["seed"] is None else given["seed"],
        budget=given["budget"],
        point=given["point"],
        depth=given["depth"],
        resume=_resume(given["resume"], folder),
        result=given["result"],
    )


def _resume(text: str, folder: Path) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise click.UsageError(f"--resume {text}: {error}") from error
    if words:
        _require_command(words[0], folder)
        return _reachable(words, folder)
    return words


def _target(name: str, folder: Path) -> str:
    """The name of a target in the stage. Raises click.UsageError for one that is not in the folder."""
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder) or path == folder:
        raise click.UsageError(f"--target {name}: lies outside of {folder}, which is what is copied; see --dir")
    if path.is_symlink():
        raise click.UsageError(f"--target {name}: is a symbolic link; name the file that it leads to")
    if path.exists() and not path.is_file():
        raise click.UsageError(f"--target {name}: is no regular file")
    return f"work/{path.relative_to(folder).as_posix()}"


def _reachable(words: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """The command as the copy of the folder can call it: a program that a relative path finds elsewhere by its path."""
    program = os.path.normpath(folder / words[0])
    outside = "/" in words[0] and not Path(program).is_relative_to(folder)
    return (program, *words[1:]) if outside else words


def _interpreter(word: str) -> str:
    return {".js": "node", ".mjs": "node", ".cjs": "node", ".py": "python3", ".rb": "ruby", ".pl": "perl"}.get(
        Path(word).suffix, "sh"
    )


def _require_command(word: str, folder: Path) -> None:
    """Raise click.UsageError for a command that does not exist, Unmeasured for one that cannot be traced."""
    found = shutil.which(str(folder / word) if "/" in word else word)
    if found is None and "/" in word and (folder / word).is_file():
        raise click.UsageError(
            f"{word} is not executable: chmod +x, or name its interpreter, as in: {NAME} -- {_interpreter(word)} {word}"
        )
    if found is None:
        where = f"in {folder}" if "/" in word else "in PATH"
        raise click.UsageError(f"{word}: there is no such command {where}")
    by_root = sys.platform != "win32" and os.geteuid() == 0
    if os.stat(found).st_mode & (stat.S_ISUID | stat.S_ISGID) and not by_root:
        raise click.UsageError(f"{word}: is a setuid program, which loses its rights when it is traced")


def main(arguments: list[str]) -> int:
    """Run ``pulse judge`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
