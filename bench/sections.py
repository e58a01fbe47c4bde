"""What is measured, section by section. Each function returns a table, with a reason for anything not measured."""

from __future__ import annotations

import contextlib
import stat
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import training as training_cost
from bench import under_load
from bench.contenders import c_loop, compile_loops, python_loop, race
from bench.history import against_porcupine, throughput
from bench.measure import Row, Section, compare, unmeasured
from bench.peers import Workshop, read_peers
from bench.plots import Curve, plot_curves
from conformance.oracle import payload
from conformance.system.platform import file_system_of
from pulse.status import from_members, serialise

__all__ = ["SECTIONS", "Place", "Plan"]

DOCUMENT_BYTES = 150
SIZES = (256, 1024, 4096, 16384, 65536, 262144, 1048576)

_KEPT_MODE = 0o640  # no usual umask yields it, so a file that still has it was given it on purpose


@dataclass(frozen=True)
class Place:
    """A folder in which files are written, and the type of its file system."""

    folder: Path
    file_system: str

    @classmethod
    def of(cls, folder: Path) -> Place:
        """The place of an existing folder."""
        return cls(folder, file_system_of(folder))


@dataclass(frozen=True)
class Plan:
    """The settings of a run.

    Attributes:
        disk: where durable writes are measured.
        memory: where writes without a disk are measured; None if there is no such file system.
        rounds: how often the contenders take turns before they are restarted.
        generations: how often they are started.
        scratch: a folder for programs and installed peers.
        plots: where plots are written, or None.
        progress: called with what is being measured.
    """

    disk: Place
    memory: Place | None
    rounds: int
    generations: int
    scratch: Path
    plots: Path | None
    progress: Callable[[str], None]

    def race(self, what: str, commands: Mapping[str, list[str]]) -> dict[str, list[float]]:
        """Let contenders take turns, and report progress."""
        total = self.rounds * self.generations

        def progress(done: int) -> None:
            self.progress(f"{what}: round {done} of {total}")

        return race(commands, self.rounds, progress, generations=self.generations)


@contextlib.contextmanager
def _targets(place: Place, names: Iterable[str], size: int = DOCUMENT_BYTES) -> Iterator[dict[str, Path]]:
    """Targets side by side in a new folder, each with a valid, self-verifying document of about ``size`` bytes.

    All contenders of a race write into one folder: where the file system places a folder affects the cost of its sync.
    """
    # The reference's layout is a little longer than a single line.
    excess = len(serialise(payload.make_status(1, 1))) - len(payload.encode(payload.make_status(1, 1)))
    document = serialise(from_members(payload.make_status(1, 1, size - excess), complete=True))
    with tempfile.TemporaryDirectory(dir=place.folder.resolve(), prefix="bench-") as folder:
        targets = {name: Path(folder) / f"{name}.json" for name in names}
        for target in targets.values():
            target.write_bytes(document)
            target.chmod(_KEPT_MODE)
        yield targets


def _writes(plan: Plan, place: Place, durable: bool, target: float) -> tuple[Row, ...]:
    """The reference and the interpreter's floor against C."""
    what = f"{'durable' if durable else 'non-durable'} write of {DOCUMENT_BYTES} B, {place.file_system}"
    floor = f"the same calls from Python, {place.file_system}"
    option = "1" if durable else "0"
    try:
        program = compile_loops(plan.scratch)
    except FileNotFoundError as error:
        return unmeasured(what, str(error), target), unmeasured(floor, str(error))
    with _targets(place, ("reference", "calls", "c")) as targets:
        seconds = plan.race(
            what,
            {
                "reference": python_loop("write", targets["reference"], option),
                "calls": python_loop("calls", targets["calls"], option),
                "c": c_loop(program, "write", targets["c"], option),
            },
        )
    return (
        compare(what, seconds["reference"], seconds["c"], target=target, note="validated, serialised, published"),
        compare(floor, seconds["calls"], seconds["c"], note="the interpreter's floor: no checks, no clean-up"),
    )


def write(plan: Plan) -> Section:
    """The reference's write against a C loop with the same system calls."""
    rows = list(_writes(plan, plan.disk, True, 0.90))
    if plan.memory is None:
        rows.append(unmeasured(f"non-durable write of {DOCUMENT_BYTES} B, tmpfs", "needs a tmpfs: give --memory", 0.60))
    else:
        rows += _writes(plan, plan.memory, False, 0.60)
    return Section(
        "The reference's write",
        "Against a loop in C that makes the same system calls: stat, listxattr, getrandom, open, write, fstat, "
        "flistxattr, fsync, close, rename; for a durable write also open, fsync and close of the folder.",
        tuple(rows),
    )


def read(plan: Plan) -> Section:
    """Reading an unchanged document: the stress reader and the reference against a C open-read-close loop."""
    rows: list[Row] = []
    for place in (plan.disk, plan.memory):
        if place is not None:
            rows += _reads(plan, place)
    return Section(
        "Reads of an unchanged document",
        f"Documents of {DOCUMENT_BYTES} B, one process each, against a C loop of open, read and close. The stress "
        "reader verifies a document by comparing it with the last one it verified. Like the C loop, it opens a name in "
        "the current folder; the first row of each file system shows the cost of an absolute path.",
        tuple(rows),
    )


def _reads(plan: Plan, place: Place) -> tuple[Row, ...]:
    by_path, stress, floor, reference = (
        f"{what}, {place.file_system}"
        for what in (
            "stress reader, verified, against C with an absolute path",
            "stress reader, verified",
            "the same calls from Python",
            "pulse.read_status",
        )
    )
    try:
        program = compile_loops(plan.scratch)
    except FileNotFoundError as error:
        return unmeasured(stress, str(error), 0.75), unmeasured(reference, str(error))
    with _targets(place, ("status",)) as targets:
        target = targets["status"]
        commands = {
            "stress": python_loop("stress", target),
            "floor": python_loop("reads", target),
            "reference": python_loop("read", target),
            "c": c_loop(program, "read", target),
            "c by path": c_loop(program, "read-path", target),
        }
        seconds = plan.race(f"reads, {place.file_system}", commands)
    return (
        compare(by_path, seconds["stress"], seconds["c by path"]),
        compare(stress, seconds["stress"], seconds["c"], target=0.75),
        compare(floor, seconds["floor"], seconds["c"], note="nothing verified"),
        compare(reference, seconds["reference"], seconds["c"], note="parsed and validated every time"),
    )


def peers(plan: Plan) -> Section:
    """Other libraries at equal guarantees."""
    workshop = Workshop(plan.scratch)
    missing: dict[str, str] = {}
    commands: dict[str, list[str]] = {}
    everyone = read_peers()
    with _targets(plan.disk, ("1", "0", *(peer.name for peer in everyone))) as targets:
        for option in ("1", "0"):
            commands[option] = python_loop("write", targets[option], option)
        for peer in everyone:
            plan.progress(f"installing {peer.title}")
            reason = workshop.install(peer)
            if reason is None:
                commands[peer.name] = workshop.command(peer, targets[peer.name])
            else:
                missing[peer.name] = reason
        seconds = plan.race("peers", commands)
        modes = {peer.name: stat.S_IMODE(targets[peer.name].stat().st_mode) for peer in everyone}
    rows = [
        unmeasured(peer.title, missing[peer.name], 1.0)
        if peer.name in missing
        else compare(
            peer.title,
            seconds["1" if peer.folder else "0"],
            seconds[peer.name],
            target=1.0 if peer.synced == "before" else None,
            note=peer.guarantees(modes[peer.name] == _KEPT_MODE),
        )
        for peer in everyone
    ]
    return Section(
        "Other libraries at equal guarantees",
        f"Each library writes {DOCUMENT_BYTES} B of finished text on {plan.disk.file_system}. The reference also "
        "validates and serialises, syncs the file before the rename, and keeps mode and owner. It syncs the folder if "
        "the library does. A library that syncs the file after the rename guarantees less, and has no target.",
        tuple(rows),
        ours="reference",
        other="library",
    )


def sizes(plan: Plan) -> Section:
    """How the cost of one write and one read grows with the document."""
    place = plan.memory or plan.disk
    title = "Cost by size of the document"
    try:
        program = compile_loops(plan.scratch)
    except FileNotFoundError as error:
        return Section(title, "", (unmeasured(title, str(error)),))
    medians: dict[str, list[tuple[float, float]]] = {}
    rows = []
    for size in SIZES:
        with _targets(place, ("reference", "c", "unchanged"), size) as targets:
            exact = targets["unchanged"].stat().st_size
            seconds = plan.race(
                f"documents of {size} B",
                {
                    "write": python_loop("write", targets["reference"], "0"),
                    "C write": c_loop(program, "write", targets["c"], "0"),
                    "read": python_loop("read", targets["unchanged"]),
                    "C read": c_loop(program, "read", targets["unchanged"]),
                },
            )
        for what, series in seconds.items():
            medians.setdefault(what, []).append((exact, statistics.median(series) * 1e6))
        rows += [compare(f"{what} of {exact} B", seconds[what], seconds[f"C {what}"]) for what in ("write", "read")]
    plots: tuple[str, ...] = ()
    if plan.plots is not None:
        path = plan.plots / "cost-by-size.svg"
        curves = [Curve(what, tuple(points)) for what, points in medians.items()]
        plot_curves(path, f"{title}, {place.file_system}", "bytes of the document", "µs per operation", curves)
        plots = (f"{plan.plots.name}/{path.name}",)
    return Section(
        title,
        f"On {place.file_system}, not durable. A read parses and validates the document; the C loop does not.",
        tuple(rows),
        plots=plots,
    )


def history(plan: Plan) -> Section:
    """Operations per second of the history checker."""
    return throughput(plan.rounds, plan.progress)


def porcupine(plan: Plan) -> Section:
    """The history checker against Porcupine."""
    return against_porcupine(plan.scratch, max(2, plan.rounds // 2), plan.progress)


def processes(plan: Plan) -> Section:
    """Throughput with more writers and more readers."""
    place = plan.memory or plan.disk
    quick = plan.generations < 3
    return under_load.processes(place.folder, place.file_system, 2.0 if quick else 5.0, plan.plots, plan.progress)


def suite(plan: Plan) -> Section:
    """How long the suite takes."""
    return under_load.suite(1 if plan.generations < 3 else 3, plan.progress)


def detection(plan: Plan) -> Section:
    """How soon the harness detects bugs that only show under load."""
    return under_load.detection(plan.disk.folder, 1 if plan.generations < 3 else 5, plan.progress)


def training(plan: Plan) -> Section:
    """What a status costs a training loop."""
    places = {place.file_system: place.folder for place in (plan.disk, plan.memory) if place is not None}
    return training_cost.section(places, max(10.0, 1.0 * plan.rounds * plan.generations), plan.progress)


SECTIONS: Mapping[str, Callable[[Plan], Section]] = {
    "write": write,
    "read": read,
    "peers": peers,
    "sizes": sizes,
    "history": history,
    "porcupine": porcupine,
    "training": training,
    "processes": processes,
    "suite": suite,
    "detection": detection,
}
"""Name, as ``--only`` takes it → what it measures."""
