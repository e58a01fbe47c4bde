"""What the pages of all commands have in common: the frame (page.html.jinja), and the failures in it."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from conformance.clauses import load_clauses
from conformance.explanations import load_explanations, load_requirements
from conformance.reporting.causes import causes
from conformance.reporting.repeat import as_started
from conformance.reporting.results import OUTCOMES, Exit, Header, Result
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
    environment.filters["marked"] = _marked
    environment.globals["requirement_of"] = load_requirements().get
    environment.globals["explanation_of"] = load_explanations().get
    environment.filters["as_started"] = as_started
    return environment


def framed(
    command: str,
    header: Header,
    results: Sequence[Result],
    exit_code: int | None,
    word: str,
    reasons: Sequence[str],
    *,
    seconds: float | None = None,
) -> dict[str, Any]:
    """The variables of ``page.html.jinja``, for a run of ``command``, such as ``pulse conformance``.

    ``exit_code``, ``word`` and ``reasons`` are those of the verdict; without one, ``exit_code`` is None. ``seconds`` is
    how long the run took, if that is known.
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
        "facts": _facts(header, results, seconds),
        "verdict": None if exit_code is None else word,
        "verdict_style": styles.get(exit_code, "fail"),
        "reasons": reasons_beside(reasons, shown),
        "failures": failures,
        "known": known,
        "causes": causes(results),
    }


def _facts(header: Header, results: Sequence[Result], seconds: float | None) -> list[tuple[str, str]]:
    """When it ran, for how long, the command, and the counts of cases and clauses, as pairs of a name and a text."""
    when = [_date(header.started)] if header.started else []
    lasted = [_duration(seconds)] if seconds is not None else []
    counts = Counter(result.outcome for result in results)
    outcomes: dict[str, set[str]] = {}
    for result in results:
        outcomes.setdefault(result.clause, set()).add(result.outcome)
    measured = sum(bool(found - {"unmeasured", "n/a"}) for found in outcomes.values())
    concerned = sum(found != {"n/a"} for found in outcomes.values())
    left_out = len(outcomes) - concerned
    return [
        *([("run", ", ".join([*when, *lasted]))] if when or lasted else []),
        *([("command", header.command)] if header.command else []),
        ("cases", ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if counts[outcome]) or "none"),
        ("clauses", f"{measured} of {concerned} measured" + (f", {left_out} not applicable" if left_out else "")),
    ]


def _date(started: str) -> str:
    moment = datetime.datetime.fromisoformat(started).astimezone(datetime.UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _marked(text: str, reports: Mapping[str, str] | None = None) -> Markup:
    """Text of the contract: what is between backquotes as code, links as their words, field reports as links."""
    plain = str(escape(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)))
    for name, address in (reports or {}).items():  # neither has a character that HTML or a replacement would change
        plain = re.sub(rf"{re.escape(name)}(?!\d)", f'<a href="{address}">{name}</a>', plain)
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", plain))


def _shortened(most: int | None) -> Callable[[Any], str]:
    def shortened(value: Any) -> str:
        text = str(value)
        return text if most is None or len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"

    return shortened
