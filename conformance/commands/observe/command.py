"""``pulse observe``: watches files of a running system, and says how they are written."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import click

from conformance.commands.judge.valid_option import chosen_validator, valid_option
from conformance.commands.observe import report as reporting
from conformance.commands.observe.durations import DURATION, in_words
from conformance.commands.observe.tally import Tally
from conformance.commands.observe.tracing import Tracing, require_traceable, tracing
from conformance.commands.observe.watching import Stop, Watched, stopping, watch
from conformance.contract.errors import Unmeasured
from conformance.reporting.results import Exit, counted, results_file
from conformance.runner.command_line import report_option, run_command
from conformance.syscalls.tracer.calls import TraceError
from conformance.system.file_kinds import kind_at
from conformance.system.share_modes import PAUSE_SECONDS

__all__ = ["main"]

NAME = "pulse observe"
_EVERY = 0.001
_TEMP_AGE = 10.0


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--for", "seconds", type=DURATION, metavar="DURATION", help="Such as 30s, 10m, 2h. Default: until Ctrl-C."
)
@click.option(
    "--every",
    type=DURATION,
    metavar="DURATION",
    default=_EVERY,
    show_default="1ms",
    help="Pause after each read; 0 reads at full speed.",
)
@valid_option()
@click.option(
    "--temp-age",
    type=DURATION,
    metavar="DURATION",
    default=_TEMP_AGE,
    show_default="10s",
    help="A temp unchanged this long was left behind.",
)
@click.option("--pid", "process", type=click.IntRange(min=1), metavar="N", help="Trace this process, too (Linux).")
@report_option("Folder for results.jsonl.")
def _command(
    files: tuple[Path, ...],
    seconds: float | None,
    every: float,
    valid: str | None,
    temp_age: float,
    process: int | None,
    report: Path | None,
) -> int:
    """Watch files of a running system, and say how they are written. Nothing is written beside them.

    Each FILE is read again and again, as a reader would; on Linux the events of its folder are watched, too. A file
    need not exist yet. Ctrl-C ends the watch, and reports. With --pid the calls of a process, its threads and children
    are traced, to say by which operations it rewrites the FILEs; that makes it slower, and it goes on afterwards.

    Exit codes: 0 nothing found; 1 something found; 2 usage; 4 something could not be measured.
    """
    check = chosen_validator(valid or "")
    kind = valid.split()[0] if valid else ""
    every = max(every, PAUSE_SECONDS)
    with contextlib.ExitStack() as at_the_end:
        watched = []
        for path in dict.fromkeys(files):
            watched.append(_watched(path, kind, check))
            at_the_end.callback(watched[-1].let_go)
        if report is not None and any(each.folder == report.resolve() for each in watched):
            raise click.UsageError(f"--report {report}: is the folder of a watched file, where nothing is written")
        options = ["--every", f"{every:g}", "--temp-age", f"{temp_age:g}", *(["--valid", valid] if valid else [])]
        options += ["--pid", str(process)] if process is not None else []
        for_how_long = ["--for", f"{seconds:g}"] if seconds is not None else []
        again = shlex.join(["pulse", "observe", *for_how_long, *options, *map(str, (each.path for each in watched))])
        with results_file(report) as file, stopping() as stopped:
            try:
                with _tracing(process, watched, stopped) as traced:
                    _say_start(watched, seconds, every, traced)
                    took = watch(
                        watched,
                        stopped,
                        seconds=seconds,
                        every=every,
                        progress=lambda now: reporting.show_progress(watched, now),
                    )
            except (Unmeasured, TraceError) as error:
                click.echo(f"{NAME}: not traced: {error}", err=True)
                return Exit.INCONCLUSIVE
            reporting.end_progress()
            answers = reporting.all_answers(watched, temp_age, traced)
            reporting.print_report(watched, answers, took, traced)
            if file is not None:
                selection = {"file": [str(each.path) for each in watched]}
                reporting.write_results(file, watched, answers, selection, again)
            return reporting.exit_code(answers)


def _tracing(
    process: int | None, files: list[Watched], stopped: Stop
) -> contextlib.AbstractContextManager[Tracing | None]:
    """What traces a process, if one was named; when that ends, so does the watch."""
    if process is None:
        return contextlib.nullcontext()
    require_traceable(process)
    places = {each.path: each.folder / each.names.name for each in files}
    return tracing(process, places, lambda: setattr(stopped, "asked", True))


def _say_start(watched: list[Watched], seconds: float | None, every: float, traced: Tracing | None) -> None:
    how = f"a read of each every {in_words(every)}" if every else "reading at full speed"
    events = "with" if all(each.events for each in watched) else "without"
    end = f"for {in_words(seconds)}; Ctrl-C ends it earlier" if seconds is not None else "until Ctrl-C"
    names = ", ".join(str(each.path) for each in watched)
    reporting.say(f"watching {names} {end}")
    reporting.say(f"{how}, {events} the events of the folder")
    if traced is not None:
        beside = f" and {traced.processes - 1} of its children" if traced.processes > 1 else ""
        threads = counted(traced.threads, "threads")
        reporting.say(f"tracing {traced.in_words()}{beside}, {threads}; it goes on when the watch ends")
    for each in watched:
        if not os.path.lexists(each.path):
            reporting.say(f"{each.path} does not exist yet")


def _watched(path: Path, kind: str, valid: Callable[[bytes], bool] | None) -> Watched:
    """Begin to watch one file. Raises click.UsageError for what is there and no file, and where no file can be."""
    if (found := kind_at(path)) is not None:
        raise click.UsageError(f"{path}: is {found}, and no file; name the file to watch")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise click.UsageError(f"{path}: there is no folder {folder}; make it first, or correct the name")
    return Watched.of(path, Tally(str(path), kind, valid))


def main(arguments: list[str]) -> int:
    """Run ``pulse observe`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
