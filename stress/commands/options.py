"""The options of ``pulse stress``, and what they mean together: the plan of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import KnownFailure, Manifest
from conformance.reporting.repeat import repeat_command
from conformance.runner.command_line import (
    SECONDS,
    ReportOptions,
    answer_seconds_option,
    impl_option,
    report_option,
    report_options,
    run_plan,
    sandbox_options,
    seed_option,
    strict_option,
    user_option,
)
from conformance.runner.resolve import resolve
from conformance.runner.run import RunPlan
from conformance.system.temporary_folder import temporary_folder
from stress.cluster.coordinator import parse_place
from stress.disk import KINDS
from stress.load.chaos import supported
from stress.record.scenario import (
    CHAOS,
    PAUSE_ON_WINDOWS,
    SHARINGS,
    SIZES,
    Chaos,
    Scenario,
    command_line,
    parse_goal,
    parse_size,
)

__all__ = ["Place", "StressPlan", "load_options", "plan_of"]

Value = TypeVar("Value")
SYSTEM: str = sys.platform


@dataclass(frozen=True)
class Place:
    """Where the load runs: in these folders, as the user named them, and on new file systems of these types.

    ``dask`` is the address of a Dask scheduler, all of whose workers then run the load; ``dask_folders`` are (name or
    address of a worker, its path of the common folder).
    """

    folders: tuple[Path, ...]
    disks: tuple[str, ...] = ()
    dask: str | None = None
    dask_folders: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class StressPlan:
    """What to run. ``reader`` is a reader implementation, or None; ``repro`` is the command that repeats the run,
    without the place.
    """

    manifest: Manifest
    reader: Manifest | None
    scenario: Scenario
    place: Place
    run_plan: RunPlan
    reporting: ReportOptions
    log: Path | None
    repro: str

    @property
    def known_failures(self) -> tuple[KnownFailure, ...]:
        """Those of the writer's manifest, and those of the reader's manifest for its own clause."""
        of_reader = self.reader.known_failures if self.reader is not None else ()
        return (*self.manifest.known_failures, *(entry for entry in of_reader if entry.clause == "RDR-14"))


class _Parsed(click.ParamType[Value]):
    """A parameter that a function reads; the message of its ValueError is shown to the user."""

    def __init__(self, name: str, parse: Callable[[str], Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Read one value."""
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _parse_sizes(text: str) -> tuple[int, ...]:
    return tuple(parse_size(part) for part in text.split(","))


def _parse_chaos(text: str) -> tuple[Chaos, ...]:
    wanted = text.split(",")
    unknown = [part for part in wanted if part not in CHAOS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a kind of chaos; choose from {', '.join(CHAOS)}, separated by commas")
    return tuple(kind for kind in CHAOS if kind in wanted)


_OPTIONS = (
    impl_option("The writer: a manifest's path, or a name."),
    click.option("--reader", help="Test this reader too: every second reader is one."),
    click.option("--writers", type=click.IntRange(1, 64), default=2, show_default=True, help="Writer processes."),
    click.option("--readers", type=click.IntRange(1, 64), default=2, show_default=True, help="Reader processes."),
    click.option(
        "--targets", type=click.IntRange(1, 100), default=1, show_default=True, help="Files that every writer writes."
    ),
    click.option(
        "--size",
        "sizes",
        type=_Parsed("SIZE,…", _parse_sizes),
        default=",".join(map(str, SIZES)),
        show_default=True,
        help="Sizes of the documents, mixed at random; by default also sizes between them.",
    ),
    click.option("--seconds", type=SECONDS, help="Duration of the load.  [default: 10, or no limit with --until]"),
    click.option(
        "--until", "goal", type=_Parsed("'N reads'", parse_goal), help="Stop after N reads, N writes or N kills."
    ),
    click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Writes per second of each writer."),
    click.option(
        "--read-pause",
        type=click.FloatRange(min=0),
        help=f"Seconds between two reads of a reader.  [default: 0, on Windows {PAUSE_ON_WINDOWS:g}]",
    ),
    click.option(
        "--sharing",
        type=click.Choice(SHARINGS),
        help="Windows: whether the kit's readers let others replace an open file.  [default: delete]",
    ),
    click.option(
        "--pipeline", type=click.IntRange(1, 64), default=2, show_default=True, help="Requests sent ahead of answers."
    ),
    click.option("--chaos", type=_Parsed("KIND,…", _parse_chaos), default=None, help=f"Any of {', '.join(CHAOS)}."),
    click.option("--chaos-rate", type=SECONDS, default=4.0, show_default=True, help="Disturbances per second."),
    click.option(
        "--dir", "folders", multiple=True, type=click.Path(path_type=Path), help="Folder to test in; repeatable."
    ),
    click.option(
        "--disk",
        "disks",
        multiple=True,
        type=click.Choice(list(KINDS)),
        help="Test on a new file system of this type; repeatable.",
    ),
    click.option("--dask", help="Run on all workers of the Dask cluster of this scheduler; all must see --dir."),
    click.option(
        "--dask-dir", "dask_folders", multiple=True, metavar="WORKER=PATH", help="The path of --dir on one worker."
    ),
    click.option(
        "--round-seconds",
        type=SECONDS,
        default=2.0,
        show_default=True,
        help="Seconds between two checks of the history.",
    ),
    click.option("--stop-at-first", is_flag=True, help="Stop after the round of the first violation."),
    seed_option("Repeat the random sizes and the schedule of chaos."),
    user_option(),
    sandbox_options(),
    strict_option(),
    answer_seconds_option(),
    report_option("Folder for results.jsonl and report.html."),
    click.option(
        "--log",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Append one line a minute to this file, which may be rotated.",
    ),
)


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a click command with the options of ``pulse stress``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plan_of(options: Mapping[str, Any]) -> StressPlan:
    """The plan that the options ask for.

    Raises click.UsageError for options that do not fit together, ManifestError for an implementation that cannot be
    found or read.
    """
    _require_supported(options)
    clauses = frozenset(load_clauses())
    manifest = resolve(options["impl"], clauses)
    reader = None if options["reader"] is None else resolve(options["reader"], clauses)
    _require_roles(manifest, reader)
    plan, reporting = run_plan(options), report_options(options)
    scenario = _scenario(options, plan.seed)
    return StressPlan(
        manifest=manifest,
        reader=reader,
        scenario=scenario,
        place=_place(options),
        run_plan=plan,
        reporting=reporting,
        log=options["log"],
        repro=repeat_command(command_line(scenario, _other_options(options, plan)), [("strict", reporting.strict)]),
    )


def _other_options(options: Mapping[str, Any], plan: RunPlan) -> list[tuple[str, Any]]:
    """The options of the command that repeats a run, other than those of the scenario and the place."""
    impl = None if options["impl"] == "reference" else options["impl"]
    folders = (("dask-dir", text) for text in options["dask_folders"])
    return [("impl", impl), ("reader", options["reader"]), ("dask", options["dask"]), *plan.options(), *folders]


def _require_supported(options: Mapping[str, Any]) -> None:
    if options["reader"] is not None and options["readers"] < 2:
        raise click.UsageError(
            "--reader needs --readers 2 or more: the kit's own reader shows whether writer or reader is at fault"
        )
    for kind in options["chaos"] or ():
        if not supported(kind):
            raise click.UsageError(f"--chaos {kind}: only Linux can do that")
    if options["disks"] and SYSTEM != "linux":
        raise click.UsageError("--disk: only Linux makes file systems on loop devices; give a folder with --dir")
    if options["sharing"] is not None and SYSTEM != "win32":
        raise click.UsageError("--sharing: only on Windows can an open file prevent its replacement")
    alone = options["reader"] is not None or options["chaos"] or options["disks"]
    if options["dask"] is not None and (alone or not options["folders"]):
        raise click.UsageError(
            "--dask needs --dir, a folder that all machines see, and excludes --reader, --chaos and --disk"
        )
    if options["dask"] is not None and (options["sandbox"] or options["sandbox_read"]):
        raise click.UsageError("--sandbox: not with --dask, whose workers start the implementation as they are")
    if options["dask"] is None and options["dask_folders"]:
        raise click.UsageError("--dask-dir needs --dask")


def _require_roles(manifest: Manifest, reader: Manifest | None) -> None:
    if "writer" not in manifest.roles:
        raise click.UsageError(
            f"{manifest.name} does not write: judge it with --reader {manifest.name} --impl variant:plain"
        )
    if reader is not None and ("reader" not in reader.roles or reader.profile != manifest.profile):
        raise click.UsageError(f"{reader.name} does not read what {manifest.name} writes: it needs the role reader")


def _scenario(options: Mapping[str, Any], seed: int) -> Scenario:
    names = ("writers", "readers", "targets", "sizes", "goal", "rate", "pipeline", "chaos_rate", "round_seconds")
    on_windows = SYSTEM == "win32"
    seconds, pause = options["seconds"], options["read_pause"]
    return Scenario(
        **{name: options[name] for name in names},
        seconds=10.0 if seconds is None and options["goal"] is None else seconds,
        read_pause=pause if pause is not None else PAUSE_ON_WINDOWS if on_windows else 0.0,
        chaos=options["chaos"] or (),
        stop_at_first=options["stop_at_first"],
        seed=seed,
        sharing=options["sharing"] or ("delete" if on_windows else None),
    )


def _place(options: Mapping[str, Any]) -> Place:
    try:
        dask_folders = tuple(parse_place(text) for text in options["dask_folders"])
    except ValueError as error:
        raise click.UsageError(f"--dask-dir: {error}") from error
    folders, disks = options["folders"], options["disks"]
    return Place(
        folders=folders or (() if disks else (temporary_folder(),)),
        disks=disks,
        dask=options["dask"],
        dask_folders=dask_folders,
    )
