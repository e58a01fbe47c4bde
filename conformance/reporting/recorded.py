"""A results file as typed values, for the reports and for `pulse report-bug`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import OUTCOMES, Header, Result, read_records, read_results

__all__ = ["Recorded", "load_recorded"]

Line = TypeVar("Line", Header, Result)


@dataclass(frozen=True)
class Recorded:
    """What results.jsonl says. ``exit`` is None for a run that did not finish; ``seconds`` is how long it took."""

    header: Header
    results: tuple[Result, ...]
    exit: int | None
    verdict: str
    reasons: tuple[str, ...]
    seconds: float | None
    writes: Sequence[Mapping[str, Any]]  # the operations of undisturbed writes: `conformance.runner.recorded_writes`
    warnings: tuple[str, ...] = ()  # what was left behind: `conformance.runner.left_behind`


def load_recorded(path: Path) -> Recorded:
    """Read a results file. Raises ValueError with a sentence for one that this kit cannot show, OSError as open()."""
    first, lines, footer = read_results(path)
    header, results = _of(Header, first, path), tuple(_of(Result, line, path) for line in lines)
    for result in results:
        if not all(isinstance(text, str) for text in (result.clause, result.case, result.message, result.repro)):
            raise ValueError(f"{path}: clause, case, message and repro of a result must be texts")
        if not isinstance(result.evidence, Mapping) or not isinstance(result.counts, Mapping):
            raise ValueError(f"{path}: {result.clause} [{result.case}]: evidence and counts must be objects")
        if result.clause not in load_clauses():
            raise ValueError(f"{path}: this kit has no clause {result.clause!r}; show it with the kit that wrote it")
        if result.outcome not in OUTCOMES:
            raise ValueError(f"{path}: {result.clause} has the outcome {result.outcome!r}; this kit knows none such")
    for name in ("implementation", "platform", "selection"):
        if not isinstance(getattr(header, name), Mapping):
            raise ValueError(f"{path}: the header's {name} is no object")
    last = footer or {}
    return Recorded(
        header,
        results,
        last.get("exit"),
        str(last.get("sentence", "")),
        tuple(map(str, last.get("reasons", ()))),
        last.get("seconds"),
        read_records(path, "write"),
        tuple(str(line.get("text", "")) for line in read_records(path, "left")),
    )


def _of(kind: type[Line], line: Mapping[str, Any], path: Path) -> Line:
    try:
        return kind(**{field.name: line[field.name] for field in dataclasses.fields(kind) if field.name in line})
    except TypeError as error:
        raise ValueError(f"{path}: a line of type {line.get('type')!r} lacks something: {error}") from error
