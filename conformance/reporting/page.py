"""What the pages of all commands have in common: the frame (page.html.jinja), and the failures in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from conformance.clauses import load_clauses
from conformance.reporting.results import Exit, Header, Result
from conformance.reporting.verdict import reasons_beside

__all__ = ["framed", "page_environment"]

_BAD = ("fail", "error", "xpass")


def page_environment(folder: Path, *, most_characters: int | None = None) -> jinja2.Environment:
    """The environment of a command's own templates, which extend ``page.html.jinja``, in ``folder``.

    Of each piece of evidence ``most_characters`` are shown; None means all.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shortened"] = _shortened(most_characters)
    return environment


def framed(
    command: str, header: Header, results: Sequence[Result], exit_code: int | None, word: str, reasons: Sequence[str]
) -> dict[str, Any]:
    """The variables of ``page.html.jinja``, for a run of ``command``, such as ``pulse conformance``.

    ``exit_code``, ``word`` and ``reasons`` are those of the verdict; without one, ``exit_code`` is None.
    """
    order = list(load_clauses())
    results = sorted(results, key=lambda result: order.index(result.clause))
    failures = [
        {"clause": clause, "results": of_clause}
        for clause in load_clauses().values()
        if (of_clause := [one for one in results if one.clause == clause.id and one.outcome in _BAD])
    ]
    known = [result for result in results if result.outcome == "xfail"]
    shown = [(result.clause, result.case) for result in results if result.outcome in _BAD]
    styles: Mapping[int | None, str] = {Exit.CONFORMANT: "xfail" if known else "pass", Exit.INCONCLUSIVE: "mild"}
    return {
        "command": command,
        "header": header,
        "verdict": None if exit_code is None else word,
        "verdict_style": styles.get(exit_code, "fail"),
        "reasons": reasons_beside(reasons, shown),
        "failures": failures,
        "known": known,
    }


def _shortened(most: int | None) -> Callable[[Any], str]:
    def shortened(value: Any) -> str:
        text = str(value)
        return text if most is None or len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"

    return shortened
