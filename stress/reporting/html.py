"""report.html and report.md of a run of the harness: the load, the results and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from conformance.reporting.page import framed, page_environment
from conformance.reporting.results import Header, Result, Verdict
from stress.record.folder_record import Finding, FolderRecord
from stress.record.histogram import describe_duration
from stress.record.scenario import SIZES, Scenario, Sharing
from stress.record.violations import VIOLATION_KINDS, ViolationKind
from stress.reporting import plots

__all__ = ["describe_bound", "describe_control", "describe_scenario", "out_of", "render", "write_report"]

_MEANINGS: dict[ViolationKind, str] = {
    "torn": "bytes that are not exactly one whole document",
    "mixed": "a document whose checksum does not match its members: parts of two",
    "missing": "no target, although there always was one",
    "stale": "an older document after a newer one was already published",
    "future": "a document whose write had not yet begun",
    "unknown": "a document that no writer wrote",
    "misread": "the reader under test returned something that the kit's own readers and all writes contradict",
    "refused": "a write failed although nothing had disturbed it",
    "blocked": "readers kept a write waiting for longer than the budget",
    "ended": "a process of the implementation ended by itself",
    "leak": "a temp that belongs to no live writer",
}
_SHARINGS: dict[Sharing, str] = {
    "delete": "the kit's readers let others replace and remove what they have open",
    "plain": "the kit's readers share reading and writing only, as Python's own open() does",
}
_OF_READS: tuple[ViolationKind, ...] = ("torn", "mixed", "missing", "stale", "future", "unknown")
# A read that saw one of these shows that publishing is not atomic on this folder.
_NOT_WHOLE: tuple[ViolationKind, ...] = ("torn", "mixed", "missing")
_MOST_CHARACTERS = 2000  # of one piece of evidence; results.jsonl has the rest


def write_report(
    folder: Path,
    header: Header,
    results: Sequence[Result],
    verdict: Verdict | None,
    records: Sequence[FolderRecord],
) -> None:
    """Make ``report.html`` and ``report.md`` in ``folder``, which has the run's results.jsonl.

    ``verdict`` is None for a run that did not finish. Raises OSError.
    """
    for name, markdown in (("report.html", False), ("report.md", True)):
        text = render(header, results, verdict, records, folder=folder, markdown=markdown)
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def render(
    header: Header,
    results: Sequence[Result],
    verdict: Verdict | None,
    records: Sequence[FolderRecord],
    *,
    folder: Path | None = None,
    markdown: bool = False,
) -> str:
    """The page as HTML, or as Markdown; arguments as for `write_report`."""
    environment = page_environment(Path(__file__).parent, markdown=markdown, most_characters=_MOST_CHARACTERS)
    environment.filters["count"] = lambda number: f"{number:,}"
    scenarios: dict[Scenario, list[FolderRecord]] = {}
    for record in records:
        scenarios.setdefault(record.scenario, []).append(record)
    exit_code, word, reasons = (verdict.exit, verdict.sentence, verdict.reasons) if verdict else (None, "", ())
    if verdict is not None:
        reasons = (*reasons, *verdict.warnings)
    seconds = sum(record.seconds for record in records)
    return environment.get_template("report.md.jinja" if markdown else "report.html.jinja").render(
        **framed("pulse stress", header, results, exit_code, word, reasons, seconds=seconds, folder=folder),
        scenarios=[(describe_scenario(scenario), of_it) for scenario, of_it in scenarios.items()],
        folders=[_folder(record) for record in records],
    )


def describe_scenario(scenario: Scenario) -> list[tuple[str, str]]:
    """What a run does, as pairs of a name and a description."""
    limits = [
        *([f"{scenario.seconds:,g} s"] if scenario.seconds is not None else []),
        *([f"{scenario.goal.count:,} {scenario.goal.kind}"] if scenario.goal else []),
        *(["the first violation"] if scenario.stop_at_first else []),
    ]
    return [
        (
            "processes",
            f"{_some(scenario.writers, 'writer')} and {_some(scenario.readers, 'reader')}"
            + (f", the writers numbered from {scenario.first_writer}" if scenario.first_writer != 1 else ""),
        ),
        ("targets", f"{_some(scenario.targets, 'file')} in the folder; every writer writes each of them"),
        (
            "documents",
            f"{', '.join(f'{size:,}' for size in scenario.sizes)} bytes"
            f"{' and sizes between them' if scenario.sizes == SIZES else ''}, mixed at random",
        ),
        ("until", " or ".join(limits) or "it is interrupted"),
        (
            "speed",
            (f"{scenario.rate:g} writes a second by each writer" if scenario.rate else "writes as fast as possible")
            + (f", {scenario.read_pause:g} s between two reads by each reader" if scenario.read_pause else "")
            + f"; at most {_some(scenario.pipeline, 'request')} wait for an answer",
        ),
        *([("sharing", _SHARINGS[scenario.sharing])] if scenario.sharing is not None else []),
        (
            "chaos",
            f"{', '.join(scenario.chaos)}; {scenario.chaos_rate:g} actions a second" if scenario.chaos else "none",
        ),
        ("history", f"judged every {scenario.round_seconds:g} s, while the writers stand still"),
        ("seed", str(scenario.seed)),
    ]


def out_of(kind: ViolationKind, record: FolderRecord) -> str:
    """The operations that were checked for a kind of violation, such as ``of 1,203,221 reads``."""
    totals = record.totals
    if kind in _OF_READS:
        return f"of {_some(totals.reads, 'read')}"
    if kind == "misread":
        return "where a reader is under test"
    if kind == "blocked":
        return "where an open file can prevent its replacement"
    if kind == "refused":
        return f"of {_some(totals.writes, 'write')}"
    if kind == "leak":
        return f"in {_some(totals.looks, 'look')} at the folder"
    return f"in {record.seconds:,.1f} s"


def describe_control(record: FolderRecord) -> str:
    """The outcome of the positive control, in a sentence."""
    control = record.control
    if not record.scenario.readers:
        return "not run: there are no readers"
    if not control.reads:
        return "was not read at all: nothing shows that these readers would have noticed a violation here"
    if not control.caught:
        return f"not caught in {_some(control.reads, 'read')}: these readers might miss torn documents on this folder"
    first = f", the first after {describe_duration(control.seconds * 1e9)}" if control.seconds is not None else ""
    return (
        f"caught {_some(control.caught, 'torn or missing document')} in {_some(control.reads, 'read')}{first}, "
        "of a writer that overwrites in place"
    )


def describe_bound(record: FolderRecord) -> str:
    """What the reads imply about reads that were not made: the rule of three, and its limits."""
    if record.bound is None:
        return "none: nothing was read"
    seen = sum(record.counts.get(kind, 0) for kind in _NOT_WHOLE)
    if seen:
        return f"none: {_some(seen, 'read')} of {record.totals.reads:,} did not see one whole document"
    if record.bound > 0.5:
        return "none: there were too few reads"
    return (
        f"with 95 % confidence fewer than 1 in {record.totals.reads // 3:,} reads is torn or missing (3/N), "
        "if reads are independent, and under this load on this machine only"
    )


def _folder(record: FolderRecord) -> dict[str, Any]:
    """The variables of the template for one folder."""
    by_time = sorted(record.findings, key=lambda finding: finding.seconds)
    first = next((finding for finding in by_time if finding.timeline), None)
    drawn = [
        ("Throughput", plots.throughput(record.samples)),
        ("Latency", plots.latency(record.write_latency, record.read_latency)),
        ("Staleness", plots.staleness(record.staleness)),
        ("Errors by name", plots.errors(record.errors)),
        ("Sizes of the documents", plots.sizes(record.sizes)),
    ]
    return {
        "record": record,
        "kinds": [
            {
                "name": kind,
                "count": record.counts.get(kind, 0),
                "of": out_of(kind, record),
                "none_style": _none_style(record, _done(kind, record)),
                "meaning": _MEANINGS[kind],
                "findings": _drawn_findings([one for one in record.findings if one.kind == kind], first),
            }
            for kind in sorted(VIOLATION_KINDS, key=list(_MEANINGS).index)
        ],
        "control": describe_control(record),
        "bound": describe_bound(record),
        "totals": _totals(record),
        "none_style": _none_style(record, record.totals.reads),
        "first": first,
        "first_of_all": first is not None and first is by_time[0],
        "first_plot": _markup(plots.timeline(first)) if first else None,
        "plots": [(title, _markup(plot)) for title, plot in drawn if plot],
    }


def _done(kind: ViolationKind, record: FolderRecord) -> int:
    if kind == "misread":
        return 0  # a record does not say whether a reader was under test
    if kind == "blocked" and not record.scenario.measures_progress:
        return 0
    return record.totals.reads if kind in _OF_READS else record.totals.writes


def _none_style(record: FolderRecord, done: int) -> str:
    """No violation in no operation, or in a run that might have missed it, is not green."""
    return "pass" if done and not record.doubts else "dim"


def _drawn_findings(findings: Sequence[Finding], shown: Finding | None) -> list[tuple[Finding, Markup | None]]:
    """The findings of one kind; the first gets its plot unless it is ``shown`` already."""
    return [
        (finding, _markup(plots.timeline(finding)) if number == 0 and finding is not shown else None)
        for number, finding in enumerate(findings)
    ]


def _totals(record: FolderRecord) -> list[tuple[str, str]]:
    totals, overlap = record.totals, record.overlap
    staleness = [describe_duration(record.staleness.percentile(share)) for share in (0.5, 0.99)]
    rows = [
        (
            "writes",
            f"{totals.writes:,}: {totals.acknowledged:,} acknowledged, {totals.refused:,} refused, "
            f"{totals.indeterminate:,} never answered; {_some(totals.retries, 'retry', 'retries')} reported",
        ),
        *(
            [
                (
                    "held targets",
                    f"{_some(totals.held, 'write')} refused because of them; "
                    f"no writer was without an acknowledged write for more than {record.longest_wait:.1f} s",
                )
            ]
            if record.scenario.sharing is not None
            else []
        ),
        (
            "reads",
            f"{totals.reads:,}: {totals.changes:,} saw a different document from the read before, "
            f"{_some(totals.distinct, 'distinct document')} seen",
        ),
        (
            "overlap",
            f"{_some(overlap.writers, 'write')} at the same time as another writer's write of the same target, "
            f"{overlap.readers:,} at the same time as a change that a reader saw",
        ),
        ("staleness", f"p50 {staleness[0]}, p99 {staleness[1]}, from the start of a write to the read that saw it"),
        (
            "temps",
            f"at most {totals.most_temps:,} beside the targets, in {_some(totals.looks, 'look')} under load; "
            f"{totals.left:,} left at the very end",
        ),
        ("history", f"judged in {_some(totals.rounds, 'round')}"),
    ]
    if totals.kills or totals.orphans_before:
        rows += [
            (
                "kills of writers",
                f"{totals.kills:,}; the first write after one succeeded {_some(totals.restarts, 'time')}",
            ),
            (
                "orphans",
                f"{_some(totals.orphans_before, 'temp')} left by killed writers, "
                f"{totals.orphans_after:,} still there after the next write",
            ),
        ]
    other = [
        *([_some(totals.reader_kills, "kill of a reader", "kills of readers")] if totals.reader_kills else []),
        *([_some(totals.pauses, "pause")] if totals.pauses else []),
        *(
            [f"{_some(totals.faults, 'fault')}, because of which {totals.faulted:,} writes failed"]
            if totals.faults
            else []
        ),
    ]
    return [*rows, ("other chaos", "; ".join(other))] if other else rows


def _some(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def _markup(svg: str | None) -> Markup | None:
    # Safe: matplotlib escapes all text that it draws.
    return None if svg is None else Markup(svg)
