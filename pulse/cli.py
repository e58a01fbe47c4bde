"""The ``pulse`` command: write, read, watch, panel, run, selftest, serve, and what other packages add."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Collection, Iterable
from typing import IO, TYPE_CHECKING, Any

from pulse import run
from pulse._streams import complain, flush
from pulse._version import __version__
from pulse.panel.command import add_parser as add_panel
from pulse.panel.command import run as run_panel
from pulse.reader import ReadOutcome, read_status
from pulse.status import SIZE_LIMIT, STATUSES, InvalidStatus, decode_object, from_members
from pulse.watch.options import add_parser as add_watch
from pulse.writer import write_training_status

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["main"]

ENTRY_POINTS = "pulse.commands"
"""The entry-point group in which other packages add commands: name → ``callable(argv: list[str]) -> int``."""

INSTALL_THE_KIT = "python -m pip install pulse-kit"
KIT_COMMANDS = {
    "adapter": "check that an adapter talks to the kit as it should",
    "audit": "decide from the results of several machines whether an implementation may be released",
    "compare": "say what two runs of an implementation differ in, and fail on lost ground",
    "conformance": "judge a writer or a reader in any language against the contract",
    "explain": "say why a clause exists, how it is measured and what the usual fix is",
    "init": "write an adapter, its manifest and a workflow to start from",
    "judge": "run a program as it is, and say what may happen to the files that it rewrites",
    "observe": "watch files of a running system, and say how they are written",
    "report-bug": "write the failures of a run as bug reports, each with a script that shows it",
    "stress": "put writers and readers under load, kill them, and cut the power of their disk",
}
"""Commands of a distribution of its own, so that a training environment need not carry it, and what they do."""


def main(argv: list[str] | None = None) -> int:
    """Run the ``pulse`` command.

    Args:
        argv: the arguments without the program's name; ``None`` takes those of the process.

    Returns:
        The exit code: 0 done, 1 refused or failed (to print, too), 2 usage; an added command has its own.
    """
    arguments = sys.argv[1:] if argv is None else argv
    command = arguments[0] if arguments else ""
    parser, ours = _parser([])
    added: dict[str, EntryPoint] = {}
    if command not in ours:
        added = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
        parser, _ = _parser(sorted(added))
    if command in added:
        return _run_added(added[command], arguments[1:])
    if command in KIT_COMMANDS:
        complain(f"pulse {command}: not installed. It comes with the kit: {INSTALL_THE_KIT}")
        return 2
    try:
        code, failure = _run(parser, arguments), None
    except OSError as error:
        code, failure = 1, error
    failure = flush() or failure
    if failure is None:
        return code
    if not isinstance(failure, BrokenPipeError):  # that is a program such as head, which has read enough
        complain(f"pulse {command}: {failure}")
    return code or 1


def entry_points(group: str) -> "Iterable[EntryPoint]":
    """The commands that other packages add. Looking for them takes longer than most of our own commands."""
    from importlib import metadata

    return metadata.entry_points(group=group)


def _run(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    """Run one of our own commands.

    Raises:
        OSError: stdin or stdout is closed, full, or cannot be used; or there is no temporary folder.
    """
    try:
        # What follows `run` belongs to another program.
        options = parser.parse_args(arguments if arguments[:1] == ["run"] else _with_negative_numbers(arguments))
        if options.command == "write":
            return _write(parser, options)
        if options.command == "run":
            return run.run(parser, options)
    except SystemExit as stop:  # argparse has printed its help, the version or the usage
        return int(stop.code or 0)
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
    if options.command == "read":
        return _read(options.path)
    # Each command's module is imported only when it runs, because a shell script may call `pulse write` in a loop.
    if options.command == "watch":
        from pulse.watch.command import watch

        return watch(options)
    if options.command == "panel":
        return run_panel(options)
    if options.command == "serve":
        from pulse.serve import serve

        return serve(_stdin(), sys.stdout.buffer)
    from pulse.selftest import selftest

    return selftest(sys.stdout)


def _stdin() -> IO[bytes]:
    """The bytes of stdin. Raises ``OSError`` where it is closed."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdin")
    return sys.stdin.buffer


def _with_negative_numbers(arguments: list[str]) -> list[str]:
    """The arguments, with ``--loss -1e-5`` as ``--loss=-1e-5``: argparse takes most such numbers for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1][:2] == "--" and "=" not in joined[-1] and _is_negative_number(argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _is_negative_number(argument: str) -> bool:
    try:
        float(argument)
    except ValueError:
        return False
    return argument.startswith("-")


def _run_added(entry: "EntryPoint", arguments: list[str]) -> int:
    """Run a command of another package with its own arguments, untouched."""
    try:
        command = entry.load()
    except ImportError as error:
        complain(f"pulse {entry.name}: {error}. Install what it needs: {INSTALL_THE_KIT}")
        return 2
    return int(command(arguments))


def _parser(added: list[str]) -> tuple[argparse.ArgumentParser, Collection[str]]:
    """The parser of our own commands, and their names; the added ones are only listed, because that needs no import."""
    parser = argparse.ArgumentParser(
        prog="pulse",
        description="Write and read a training-status file that is always whole.",
        epilog=_other_commands(added),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pulse {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    write = commands.add_parser("write", help="write one status: exit 0 done, 1 refused or failed")
    write.add_argument("path", metavar="PATH", help="the status file")
    write.add_argument("source", metavar="-", nargs="?", choices=["-"], help="read the members as JSON from stdin")
    write.add_argument("--status", help=f"one of {', '.join(STATUSES)}; required, unless --keep finds one")
    write.add_argument("--epoch", type=float, metavar="X", help="epochs completed (default 0.0)")
    write.add_argument("--total-epochs", type=float, metavar="X", help="epochs planned (default 0.0)")
    write.add_argument("--loss", type=float, metavar="X", help="the current loss (default 0.0)")
    write.add_argument(
        "--message",
        metavar="TEXT",
        help="a line for people who watch the run (default empty); what is not UTF-8 becomes U+FFFD",
    )
    write.add_argument("--timestamp", type=int, metavar="SECONDS", help="seconds since 1970 (default now)")
    write.add_argument(
        "--keep",
        action="store_true",
        help="what is not given stays as it is in the file, but for the timestamp, if the file has a valid status",
    )

    read = commands.add_parser("read", help="print the status as JSON, or null and exit 1")
    read.add_argument("path", metavar="PATH", help="the status file")

    add_watch(commands)
    run.add_parser(commands)
    add_panel(commands)
    commands.add_parser("selftest", help="check on this machine that the reference writes and reads correctly")
    commands.add_parser("serve", help="answer the conformance suite's requests on stdin and stdout")
    return parser, commands.choices


def _other_commands(added: list[str]) -> str:
    """The last lines of the help: the commands that are installed beside ours, and those of the kit if it is not."""
    missing = [name for name in KIT_COMMANDS if name not in added]
    parts = []
    if added:
        parts.append(("further commands (pulse COMMAND --help):", added))
    if missing:
        parts.append((f"in the kit, which is not installed ({INSTALL_THE_KIT}):", missing))
    width = max(map(len, (*added, *missing)), default=0)
    lines = [
        "\n".join([title, *(f"  {name:{width}}  {KIT_COMMANDS.get(name, '')}".rstrip() for name in names)])
        for title, names in parts
    ]
    return "\n\n".join(lines)


def _write(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """``pulse write``."""
    names = ("status", "epoch", "total_epochs", "loss", "message", "timestamp")
    members: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.source and members:
        parser.error("write: give the members as options, or - to read them from stdin, but not both")
    kept = _kept(options.path) if options.keep else {}
    if not options.source and "status" not in {**kept, **members}:
        nothing = "write: --status is required: there is no valid status to keep" if options.keep else None
        parser.error(
            nothing or "write: give the members as options (--status is required), or - to read them from stdin"
        )
    if "message" in members:
        members["message"] = _text(members["message"])
    try:
        if options.source:
            members = decode_object(_stdin().read(SIZE_LIMIT + 1))
        write_training_status(options.path, **from_members({**kept, **members}, complete=False))
    except (InvalidStatus, OSError) as error:
        complain("\n".join([f"pulse write: {error}", *getattr(error, "__notes__", [])]))
        return 1
    return 0


def _kept(path: str) -> dict[str, Any]:
    """The members of the status at ``path`` that a new one may keep; none where there is no valid status."""
    status = read_status(path).status
    return {} if status is None else {name: value for name, value in status.items() if name != "timestamp"}


def _text(argument: str) -> str:
    """An argument as text; what is not UTF-8 becomes U+FFFD, because a log line must not stop the status of a run.

    Python hands over such bytes as lone surrogates. Under the locale C, those may be UTF-8 after all.
    """
    try:
        return argument.encode(errors="surrogateescape").decode(errors="replace")
    except UnicodeEncodeError:  # Windows has lone surrogates of its own
        return argument.encode(errors="surrogatepass").decode(errors="replace")


def _read(path: str) -> int:
    """``pulse read``: UTF-8 whatever the locale, so that another program can parse it."""
    reading = read_status(path)
    if reading.status is None:
        complain(f"pulse read: {reading.outcome.value}: {reading.detail}")
    # Not `serialise`: with its white space, a document may be too large for a file.
    document = json.dumps(reading.status, indent=2, ensure_ascii=False)
    sys.stdout.buffer.write(document.encode() + b"\n")
    return 0 if reading.outcome is ReadOutcome.OK else 1
