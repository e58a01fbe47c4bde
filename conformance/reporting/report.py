"""report.html and report.md: one self-contained page each, made from results.jsonl."""

from __future__ import annotations

from pathlib import Path

from conformance.reporting.charts import outcomes_by_group, time_by_clause
from conformance.reporting.page import framed, page_environment
from conformance.reporting.recorded import load_recorded
from conformance.reporting.results import OUTCOMES

__all__ = ["render", "write_report"]


def write_report(folder: Path) -> None:
    """Make ``report.html`` and ``report.md`` from ``results.jsonl`` in this folder, and from ``matrix.json`` if it is
    there. Raises ValueError for a file that is not one of results, OSError.
    """
    for name, markdown in (("report.html", False), ("report.md", True)):
        text = render(folder / "results.jsonl", markdown=markdown)
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def render(results_file: Path, *, markdown: bool = False) -> str:
    """The page as HTML, or as Markdown. Raises ValueError when the file is not a results file, OSError."""
    run = load_recorded(results_file)
    frame = framed(
        "pulse conformance",
        run.header,
        run.results,
        run.exit,
        run.verdict,
        (*run.reasons, *run.warnings),
        seconds=run.seconds,
        folder=results_file.parent,
    )
    drawn = (("Cases", outcomes_by_group(run.results)), ("Where the time went", time_by_clause(run.results)))
    charts = [(title, chart) for title, chart in drawn if chart is not None]
    seen = {result.outcome for result in run.results}
    key = [outcome for outcome in OUTCOMES if outcome in seen] if charts and charts[0][0] == "Cases" else []
    environment = page_environment(Path(__file__).parent, markdown=markdown)
    template = environment.get_template("report.md.jinja" if markdown else "report.html.jinja")
    return template.render(**frame, charts=charts, key=key, writes=run.writes)
