"""report.html: one self-contained page made from results.jsonl."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import jinja2

from conformance.clauses import GROUP_TITLES, load_clauses
from conformance.reporting.results import OUTCOMES, read_results
from conformance.reporting.verdict import clause_outcome, reasons_beside

__all__ = ["render", "write_report"]


def write_report(folder: Path) -> Path:
    """Make ``folder/report.html`` from ``folder/results.jsonl``. Returns its path."""
    page = folder / "report.html"
    page.write_text(render(folder / "results.jsonl"), encoding="utf-8", errors="backslashreplace")
    return page


def render(results_file: Path) -> str:
    """The page as HTML text. Raises ValueError when the file is not a results file."""
    header, results, footer = read_results(results_file)
    groups = []
    for group, title in GROUP_TITLES.items():
        rows = []
        for clause in load_clauses().values():
            of_clause = [result for result in results if result["clause"] == clause.id]
            if clause.group == group and of_clause:
                counts = Counter(result["outcome"] for result in of_clause)
                rows.append(
                    {
                        "clause": clause,
                        "counts": counts,
                        "outcome": clause_outcome(counts),
                        "results": of_clause,
                    }
                )
        if rows:
            groups.append({"id": group, "title": title, "rows": rows})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    bad = []
    for clause in load_clauses().values():
        failures = [r for r in results if r["clause"] == clause.id and r["outcome"] in ("fail", "error", "xpass")]
        if failures:
            bad.append({"clause": clause, "first": failures[0], "others": failures[1:]})
    order = list(load_clauses())
    known = sorted((r for r in results if r["outcome"] == "xfail"), key=lambda result: order.index(result["clause"]))
    cases = [(r["clause"], r["case"]) for r in results if r["outcome"] in ("fail", "error", "xpass")]
    reasons = reasons_beside(footer["reasons"], cases) if footer else []
    return environment.get_template("report.html.jinja").render(
        header=header,
        footer=footer,
        reasons=reasons,
        groups=groups,
        bad=bad,
        known=known,
        outcomes=OUTCOMES,
        total=len(results),
    )
