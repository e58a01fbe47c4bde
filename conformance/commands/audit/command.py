"""``pulse audit``: runs what this machine can measure, or takes the results of several, and decides."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from conformance.commands.audit.decision import decide
from conformance.commands.audit.legs import AuditError, Controls, Leg, found_below, read_controls, read_leg
from conformance.commands.audit.output import audit_json, printed_lines, table_of
from conformance.commands.audit.page import write_pages
from conformance.commands.audit.policy import Policy, PolicyError, load_policy
from conformance.commands.audit.sameness import Kit, require_same
from conformance.reporting.escaping import printable
from conformance.reporting.header import kit_version
from conformance.reporting.results import Exit, ResultsFileError, write_json
from conformance.reporting.terminal import new_console
from conformance.runner.command_line import FOLDER, impl_option, run_command
from conformance.system.file_hashes import kit_files
from conformance.system.parent_death import end_with_parent

__all__ = ["main"]

NAME = "pulse audit"
_POLICY = Path("audit.toml")
# How a user types what the modules of the kit run.
_TYPED = {
    "conformance.cli": ("pulse", "conformance"),
    "stress": ("pulse", "stress"),
    "conformance.selfcheck": ("python", "-m", "conformance.selfcheck"),
}

policy_option = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The policy. Default: audit.toml.",
)
report_option = click.option("--report", type=FOLDER, help="Folder for audit.json and its pages.")


@click.group(name=NAME, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@impl_option()
@policy_option
@click.option("--report", type=FOLDER, default="audit", show_default=True, help="Folder for the decision and the runs.")
@click.option(
    "--leg", "legs", multiple=True, type=click.Path(path_type=Path), help="Results of another machine; repeatable."
)
@click.option("--controls", is_flag=True, help="Run the kit's mutants, too: 20 minutes.")
@click.pass_context
def audit(
    context: click.Context, impl: str, policy: Path | None, report: Path, legs: tuple[Path, ...], controls: bool
) -> int | None:
    """Run the suite, the load and, as root on Linux, power cuts; decide whether an implementation may be released.

    Exit codes: 0 APPROVED, 1 REJECTED, 2 usage, or results that cannot be used, 3 the implementation could not be
    started, 4 INCOMPLETE.
    """
    if context.invoked_subcommand is not None:
        return None
    chosen = _policy(policy)
    with _refusals():  # before anything runs for minutes
        require_same(*_read(legs, chosen), _kit())
    own = report / "runs"
    for name, arguments in _runs(impl, controls=controls):
        code = _run([*arguments, "--report", str(own / name)])
        if code not in (Exit.CONFORMANT, Exit.NOT_CONFORMANT, Exit.INCONCLUSIVE):
            click.echo(f"{NAME}: {name} ended with exit code {code}: there is nothing to decide about", err=True)
            return code
    return _decide([*(own / name for name, _ in _runs(impl, controls=controls)), *legs], chosen, report, impl)


@audit.command(name="merge")
@policy_option
@report_option
@click.argument("legs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LEG...")
def _merge(legs: tuple[Path, ...], policy: Path | None, report: Path | None) -> int:
    """Decide from results that were written elsewhere. LEG is a folder, with all that is below it, or a file.

    Exit codes: those of `pulse audit`.
    """
    return _decide(legs, _policy(policy), report, None)


def _policy(path: Path | None) -> Policy:
    """The policy of this path, or of audit.toml; the default where there is neither."""
    if path is None and not os.path.lexists(_POLICY):  # one that cannot be read is refused, and not passed over
        return Policy()
    with _refusals():
        return load_policy(path or _POLICY, datetime.datetime.now(datetime.UTC).date())


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say in one line what cannot be used, and end the command: raises click.exceptions.Exit."""
    try:
        yield
    except (AuditError, PolicyError, ResultsFileError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.filename is not None:  # as all others begin with the place
            text = f"{error.filename}: {error.strerror}"
        click.echo(f"{NAME}: {printable(text, one_line=True)}", err=True)
        raise click.exceptions.Exit(Exit.USAGE) from error


def _runs(impl: str, *, controls: bool) -> list[tuple[str, list[str]]]:
    """What this machine can measure: the name of a folder, and the module with its arguments."""
    runs = [
        ("conformance", ["conformance.cli", "--impl", impl]),
        ("stress", ["stress", "suite", "--impl", impl]),
    ]
    if sys.platform == "linux" and os.geteuid() == 0:
        runs.append(("powercut", ["stress", "powercut", "--impl", impl]))
    if controls:
        runs.append(("mutants", ["conformance.selfcheck", "--complete"]))
    return runs


def _run(arguments: Sequence[str]) -> int:
    """Run a command of this kit in a process of its own. Returns its exit code."""
    # As this process found the kit: with -m, the current folder is searched first; the command `pulse` never does.
    module = getattr(sys.modules["__main__"], "__spec__", None) is not None and not sys.flags.safe_path
    command, *others = arguments
    click.echo(f"{NAME}: {shlex.join([*_TYPED.get(command, (command,)), *others])}", err=True)
    words = [sys.executable, *([] if module else ["-P"]), "-m", *arguments]
    # When this process is killed, the other one ends as it does when it is interrupted, and cleans up.
    prepare = None if sys.platform == "win32" else partial(end_with_parent, os.getpid(), signal.SIGTERM)
    return subprocess.run(words, check=False, preexec_fn=prepare).returncode


def _decide(places: Sequence[Path], policy: Policy, report: Path | None, impl: str | None) -> int:
    console, kit = new_console(), _kit()
    with _refusals():
        legs, controls = _read(places, policy)
        if not legs:
            raise AuditError("no results.jsonl was given: there is no implementation to decide about")
        require_same(legs, controls, kit)
    decision = decide(legs, controls, policy, shlex.quote(impl or _impl_of(legs)))
    console.print(table_of(legs, controls))
    about: dict[str, Any] = dict(legs[0].header["implementation"])
    title = " ".join(word for word in (about["name"], about["version"]) if word)
    for line in printed_lines(decision, title):
        console.print(line, soft_wrap=True)
    if report is not None:
        now = datetime.datetime.now(datetime.UTC)
        content = audit_json(decision, legs, controls, policy, kit, now)
        write_json(report / "audit.json", content, decision.exit)
        write_pages(report, content, decision.exit)
        console.print(f"report: {report}/audit.html, audit.md, audit.json", soft_wrap=True, markup=False)
    return decision.exit


def _read(places: Sequence[Path], policy: Policy) -> tuple[list[Leg], list[Controls]]:
    legs: list[Leg] = []
    controls: list[Controls] = []
    for place in places:
        results, matrices = found_below(place)
        legs += [read_leg(path, policy) for path in results]
        controls += [read_controls(path) for path in matrices]
    return legs, controls


def _kit() -> Kit:
    return Kit(kit_version(), kit_files())


def _impl_of(legs: Sequence[Leg]) -> str:
    """How the commands of the legs named the implementation."""
    for leg in legs:
        try:
            words = shlex.split(leg.header["command"])
        except ValueError:
            continue
        for word, after in itertools.pairwise([*words, ""]):
            if word == "--impl" and after:
                return after
            if word.startswith("--impl="):
                return word.removeprefix("--impl=")
    return "reference"


def main(arguments: list[str]) -> int:
    """Run ``pulse audit`` with these arguments. Returns the exit code."""
    return run_command(audit, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
