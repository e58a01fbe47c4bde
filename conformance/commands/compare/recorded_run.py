"""A run that was recorded, as far as a comparison needs it: read from results.jsonl, or of the run that just ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import OUTCOMES, Header, Outcome, Result, read_results
from conformance.reporting.verdict import clause_outcome
from conformance.runner.selection import Selection

__all__ = ["RecordedCase", "RecordedRun", "load_run", "results_of", "run_from", "whole_clause"]

RESULTS = "results.jsonl"
_WHOLE_CLAUSE = "*"
_SELECTED = ("clause", "case", "point", "quick", "whole")


@dataclass(frozen=True)
class RecordedCase:
    """What a run found of one case. What the kit itself failed at is unmeasured here."""

    clause: str
    case: str
    outcome: Outcome
    message: str = ""
    repro: str = ""
    flaky: bool = False


@dataclass(frozen=True)
class RecordedRun:
    """A run and its cases, by (clause, case). ``source`` is the path that was given, or what else the run is called."""

    source: str
    name: str
    version: str
    profile: str
    system: str
    file_system: str
    kit: str
    selection: Selection
    # What else two runs should have in common, by what it is called in a sentence.
    beside: Mapping[str, Any]
    cases: Mapping[tuple[str, str], RecordedCase]

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".rstrip()


def whole_clause(run: RecordedRun, clause: str) -> RecordedCase | None:
    """What a run says of a clause of which it measured no case at all, if that is so."""
    return run.cases.get((clause, _WHOLE_CLAUSE))


def results_of(path: Path) -> Path:
    """The results file that a path means: itself, or the one in that folder. Raises ValueError where there is none."""
    file = path / RESULTS if path.is_dir() else path
    if not file.is_file():
        what = f"no {RESULTS} in it; --report writes one" if path.is_dir() else "no such file, or no regular one"
        raise ValueError(f"{path}: {what}")
    return file


def load_run(path: Path) -> RecordedRun:
    """Read ``path``, which is a results file or a folder that has one.

    Raises ValueError or OSError, with one line that says what is wrong and where.
    """
    file = results_of(path)
    header, lines, footer = read_results(file)
    if footer is None:
        raise ValueError(f"{file}: the run did not finish, or the end of the file is missing; run it again")
    return run_from(header, [_result(line, file) for line in lines], str(path), file)


def run_from(header: Mapping[str, Any] | Header, results: Iterable[Result], source: str, file: Path) -> RecordedRun:
    """A run of these results. Raises ValueError, with ``file`` in it, for a header that lacks what identifies a run."""
    # As it is written and read again: a list is a list in both runs, and no tuple.
    values = json.loads(json.dumps(dataclasses.asdict(header))) if isinstance(header, Header) else dict(header)
    about, platform, selection = (_table(values, name, file) for name in ("implementation", "platform", "selection"))
    chosen = {name: _words(selection, name, file) for name in _SELECTED}
    others = {f"selections of {name}": value for name, value in selection.items() if name not in _SELECTED}
    return RecordedRun(
        source=source,
        name=_text(about, "name", file),
        version=_text(about, "version", file),
        profile=_text(about, "profile", file),
        system=_text(platform, "system", file),
        file_system=_text(values, "file_system", file),
        kit=_text(values, "kit", file),
        selection=Selection(
            chosen["clause"],
            chosen["case"],
            (chosen["point"] or ("*",))[0],
            quick=bool(chosen["quick"]),
            whole=chosen["whole"],
        ),
        beside={
            **others,
            "commands": values.get("program"),
            "roles": about.get("roles"),
            "modes": about.get("mode"),
            "files of the kit": values.get("kit_files"),
        },
        cases=_by_case(results),
    )


def _by_case(results: Iterable[Result]) -> dict[tuple[str, str], RecordedCase]:
    cases: dict[tuple[str, str], RecordedCase] = {}
    for result in results:
        key, found = (result.clause, result.case), _recorded(result)
        before = cases.get(key)
        # A case that a load measured in several folders, or that failed when it was taken down, counts by its worst.
        if before is None or clause_outcome({before.outcome: 1, found.outcome: 1}) != before.outcome:
            cases[key] = found
    return cases


def _recorded(result: Result) -> RecordedCase:
    common = result.clause, result.case
    if result.outcome == "error" and result.blame == "kit":
        return RecordedCase(*common, "unmeasured", f"error of the kit: {result.message}", result.repro)
    return RecordedCase(*common, result.outcome, result.message, result.repro, result.flaky)


def _result(line: Mapping[str, Any], file: Path) -> Result:
    """What a comparison needs of a line of results, checked: the file may have been written by another kit."""
    clause, case, outcome = (_text(line, name, file) for name in ("clause", "case", "outcome"))
    if clause not in load_clauses():
        raise ValueError(f"{file}: this kit has no clause {clause!r}; compare with the kit that wrote it")
    if outcome not in OUTCOMES:
        raise ValueError(f"{file}: {clause} [{case}] has the outcome {outcome!r}; there are {', '.join(OUTCOMES)}")
    texts = {name: _text(line, name, file) for name in ("message", "repro", "blame")}
    if texts["blame"] not in ("", "implementation", "kit"):
        raise ValueError(f"{file}: {clause} [{case}] has the blame {texts['blame']!r}")
    return Result(clause, case, outcome, flaky=line.get("flaky") is True, **texts)  # type: ignore[arg-type]  # checked above


def _table(values: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    value = values.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"{file}: the header has no {name!r}, or it is no object")
    return value


def _text(values: Mapping[str, Any], name: str, file: Path) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{file}: a line of type {values.get('type', 'header')!r} has no {name!r}, or it is no text")
    return value


def _words(values: Mapping[str, Any], name: str, file: Path) -> tuple[str, ...]:
    value = values.get(name, ())
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{file}: {name!r} of the header's selection is no list of texts")
    return tuple(value)
