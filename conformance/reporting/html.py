"""report.html: one self-contained page made from results.jsonl."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from conformance.clauses import GROUP_TITLES, load_clauses
from conformance.reporting.page import framed, page_environment
from conformance.reporting.results import OUTCOMES, Header, Result, read_records, read_results
from conformance.reporting.verdict import clause_outcome

__all__ = ["render", "write_report"]

Line = TypeVar("Line", Header, Result)


def write_report(folder: Path) -> Path:
    """Make ``folder/report.html`` from ``folder/results.jsonl``. Returns its path."""
    page = folder / "report.html"
    page.write_text(render(folder / "results.jsonl"), encoding="utf-8", errors="backslashreplace")
    return page


def render(results_file: Path) -> str:
    """The page as HTML text. Raises ValueError when the file is not a results file."""
    first, lines, last = read_results(results_file)
    header, results = _of(Header, first), [_of(Result, line) for line in lines]
    footer = last or {"exit": None, "sentence": "", "reasons": []}
    verdict = footer["exit"], footer["sentence"], footer["reasons"]
    frame = framed("pulse conformance", header, results, *verdict, seconds=footer.get("seconds"))
    template = page_environment(Path(__file__).parent).get_template("report.html.jinja")
    writes = read_records(results_file, "write")
    return template.render(**frame, groups=_groups(results), outcomes=OUTCOMES, writes=writes)


def _of(kind: type[Line], line: Mapping[str, Any]) -> Line:
    return kind(**{field.name: line[field.name] for field in dataclasses.fields(kind) if field.name in line})


def _groups(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The clauses that have a result, by group."""
    groups = []
    for group, title in GROUP_TITLES.items():
        rows = []
        for clause in load_clauses().values():
            of_clause = [result for result in results if result.clause == clause.id]
            if clause.group == group and of_clause:
                counts: Counter[str] = Counter(result.outcome for result in of_clause)
                enumerated = sum((Counter(result.counts) for result in of_clause), Counter[str]())
                rows.append(
                    {
                        "clause": clause,
                        "counts": counts,
                        "enumerated": enumerated,
                        "outcome": clause_outcome(counts),
                        "results": of_clause,
                    }
                )
        if rows:
            groups.append({"id": group, "title": title, "rows": rows})
    return groups
