"""the end-to-end table: framework, ending and what each observer said, with times."""

from __future__ import annotations

from collections.abc import Iterable

from tests.e2e.scenarios import Outcome

__all__ = ["table"]


def table(outcomes: Iterable[Outcome]) -> str:
    """A Markdown table, with times in seconds since the idle status was written, and the complaints below it."""
    outcomes = list(outcomes)
    header = ["framework", "ending", "file", "last message", "panel", "pulse watch", "--once", "Rust", "torn / reads"]
    rows = [header, ["---"] * len(header)]
    for outcome in outcomes:
        torn = sum(outcome.speed["torn"].values()) + sum(outcome.speed["failed"].values())
        said = [str(outcome.file), outcome.file.message, str(outcome.panel), str(outcome.watch)]
        reads = f"{torn} / {outcome.speed['reads']:,}"
        rows.append([outcome.framework, outcome.ending, *said, str(outcome.once), str(outcome.rust), reads])
    lines = [f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows]
    reads = sum(outcome.speed["reads"] for outcome in outcomes)
    documents = sum(outcome.speed["documents"] for outcome in outcomes)
    torn = sum(sum(outcome.speed[kind].values()) for outcome in outcomes for kind in ("torn", "failed"))
    lines.append(f"\n{torn} torn or failed of {reads:,} reads at full speed, of {documents:,} different documents")
    wrong = [f"{outcome.framework}, {outcome.ending}: {text}" for outcome in outcomes for text in outcome.complaints]
    lines += [f"FAILED {text}" for text in wrong]
    failed = len({(outcome.framework, outcome.ending) for outcome in outcomes if outcome.complaints})
    lines.append(f"{len(outcomes) - failed} passed, {failed} failed")
    return "\n".join(lines) + "\n"
