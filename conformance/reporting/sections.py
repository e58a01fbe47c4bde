"""The parts of a report that follow from the results alone, as data for the templates. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.clauses import GROUP_TITLES, Clause, load_clauses
from conformance.reporting.results import Header, Outcome, Result, counted
from conformance.reporting.verdict import clause_outcome
from conformance.system.file_hashes import file_hash

__all__ = [
    "ClauseRow",
    "Coverage",
    "Group",
    "InputFile",
    "NotMeasured",
    "clause_groups",
    "coverage_of",
    "environment_of",
    "inputs_of",
    "not_measured",
]

_MOST_FILES = 40  # of the manifest's folder, that are shown


@dataclass(frozen=True)
class ClauseRow:
    """A clause in the table: its outcome, its cases by outcome, and what was enumerated in them."""

    clause: Clause
    outcome: Outcome
    counts: Counter[str]
    enumerated: Counter[str]
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Group:
    """A group of clauses in the table; ``passed`` of ``concerned`` clauses passed. ``na`` is why none applies."""

    id: str
    title: str
    rows: tuple[ClauseRow, ...]
    passed: int
    concerned: int
    na: str = ""


@dataclass(frozen=True)
class Coverage:
    """How much of the contract was measured, in clauses: every clause is in one of the four counts."""

    measured: int
    unmeasured: int
    not_applicable: int
    not_run: int

    @property
    def concerned(self) -> int:
        """The clauses that the run was about."""
        return self.measured + self.unmeasured

    @property
    def sentence(self) -> str:
        """Such as ``75 of 83 measured, 6 not applicable``."""
        return f"{self.measured} of {self.concerned} measured" + "".join(
            f", {count} {what}"
            for count, what in ((self.not_applicable, "not applicable"), (self.not_run, "not run"))
            if count
        )


@dataclass(frozen=True)
class NotMeasured:
    """Cases with one reason for not having been measured. ``clauses`` says of each how many of its cases."""

    kind: str  # "unmeasured", "n/a" or "not run"
    reason: str
    clauses: tuple[tuple[str, str], ...]  # clause, in words


@dataclass(frozen=True)
class InputFile:
    """Something that the verdict depends on; ``sha256`` is empty where it could not be hashed."""

    name: str
    what: str
    sha256: str


def coverage_of(results: Iterable[Result]) -> Coverage:
    """Count the clauses of the contract by what was measured of them."""
    outcomes: dict[str, set[str]] = {}
    for result in results:
        outcomes.setdefault(result.clause, set()).add(result.outcome)
    measured = sum(bool(found - {"unmeasured", "n/a"}) for found in outcomes.values())
    concerned = sum(found != {"n/a"} for found in outcomes.values())
    return Coverage(measured, concerned - measured, len(outcomes) - concerned, len(load_clauses()) - len(outcomes))


def clause_groups(results: Sequence[Result]) -> list[Group]:
    """The clauses that have a result, by group, in the order of the contract."""
    of_clause: dict[str, list[Result]] = {}
    for result in results:
        of_clause.setdefault(result.clause, []).append(result)
    groups = []
    for name, title in GROUP_TITLES.items():
        rows = tuple(
            _row(clause, of_clause[clause.id])
            for clause in load_clauses().values()
            if clause.group == name and clause.id in of_clause
        )
        outcomes = [row.outcome for row in rows if row.outcome != "n/a"]
        na = rows[0].results[0].message if rows and not outcomes else ""
        if rows:
            groups.append(Group(name, title, rows, outcomes.count("pass"), len(outcomes), na))
    return groups


def _row(clause: Clause, results: Sequence[Result]) -> ClauseRow:
    counts: Counter[str] = Counter(result.outcome for result in results)
    enumerated = sum((Counter(result.counts) for result in results), Counter[str]())
    return ClauseRow(clause, clause_outcome(counts), counts, enumerated, tuple(results))


def not_measured(results: Sequence[Result]) -> list[NotMeasured]:
    """Why cases were not measured, what applies before what does not, each reason once; then what was not run."""
    totals = Counter(result.clause for result in results)
    found: dict[tuple[str, str], Counter[str]] = {}
    for kind in ("unmeasured", "n/a"):
        for result in results:
            if result.outcome == kind:
                found.setdefault((kind, result.message), Counter())[result.clause] += 1
    reasons = [
        NotMeasured(kind, reason, tuple((clause, _share(count, totals[clause])) for clause, count in counts.items()))
        for (kind, reason), counts in found.items()
    ]
    return [*reasons, *_not_run(totals)]


def _not_run(totals: Container[str]) -> Iterator[NotMeasured]:
    groups: dict[str, list[str]] = {}
    for clause in load_clauses().values():
        groups.setdefault(clause.group, []).append(clause.id)
    left = {name: [clause for clause in members if clause not in totals] for name, members in groups.items()}
    named = [
        clause
        for name, clauses in left.items()
        for clause in ([f"all of {name}"] if clauses == groups[name] else clauses)
    ]
    if named:
        yield NotMeasured("not run", "not selected for this run", tuple((clause, "all") for clause in named))


def _share(count: int, of: int) -> str:
    return "all" if count == of else f"{count} of {of} cases"


def environment_of(header: Header) -> list[tuple[str, str]]:
    """Where and with what a run was made, as pairs of a name and a text; what is not known is left out."""
    about = header.implementation
    rows = [
        ("implementation", f"{about.get('name', '')} {about.get('version', '')}".strip()),
        ("language", str(about.get("language", ""))),
        ("profile", str(about.get("profile", ""))),
        ("roles", ", ".join(map(str, about.get("roles", ())))),
        ("mode", str(about.get("mode", ""))),
        ("system", " ".join(header.platform.get(key, "") for key in ("system", "release", "machine")).strip()),
        ("file system", header.file_system),
        ("Python", header.python),
        ("kit", header.kit),
        ("seed", str(header.seed)),
        *((f"only {name}", ", ".join(globs)) for name, globs in header.selection.items() if _selects(globs)),
    ]
    return [(name, text) for name, text in rows if text]


def _selects(globs: Sequence[str]) -> bool:
    return bool(globs) and list(globs) != ["*"]


def inputs_of(header: Header, files: Iterable[Path]) -> list[InputFile]:
    """What the verdict depends on, with its hash: what the header says of kit and implementation, then these files.

    Raises OSError.
    """
    about = header.implementation
    executable, folder = _table(about, "executable"), _table(about, "files")
    found = [
        InputFile(f"kit {header.kit}", "all of its files" if header.kit_files else "", header.kit_files),
        InputFile("executable", str(executable.get("path", "")), str(executable.get("sha256", ""))),
        InputFile("the manifest's folder", _described(folder), str(folder.get("sha256", ""))),
    ]
    each = folder.get("each")
    if isinstance(each, Mapping):
        found += [InputFile("", str(name), str(sha256)) for name, sha256 in list(each.items())[:_MOST_FILES]]
    return [
        *(one for one in found if one.sha256 or (one.what and one.name)),
        *(InputFile(path.name, f"{path.stat().st_size:,} bytes", file_hash(path)) for path in files),
    ]


def _table(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = about.get(name)
    return value if isinstance(value, Mapping) else {}


def _described(folder: Mapping[str, Any]) -> str:
    count = folder.get("count")
    return str(folder.get("why_not") or (counted(count, "files") if isinstance(count, int) else ""))
