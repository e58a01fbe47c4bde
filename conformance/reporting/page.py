"""What the pages of all commands have in common: the frame (page.html.jinja, page.md.jinja) and what is in it."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from conformance.contract.clauses import load_clauses
from conformance.contract.explanations import load_explanations, load_requirements
from conformance.reporting.causes import causes
from conformance.reporting.foreign import code_block, code_span, in_markdown, visible
from conformance.reporting.headline import by_clause
from conformance.reporting.mutants_caught import load_matrix
from conformance.reporting.repeat import as_started
from conformance.reporting.results import OUTCOMES, Exit, Header, Result
from conformance.reporting.sections import clause_groups, coverage_of, environment_of, inputs_of, not_measured
from conformance.reporting.specification import answered_specification
from conformance.reporting.verdict import reasons_beside

__all__ = ["framed", "page_environment"]

_BAD = ("fail", "error", "xpass")
_LONGEST_LINE = 400  # characters, of evidence in Markdown


@cache
def page_environment(folder: Path, *, markdown: bool = False, most_characters: int | None = None) -> jinja2.Environment:
    """The environment of a command's own templates, which extend ``page.html.jinja`` or ``page.md.jinja``, in
    ``folder``. Whatever a template prints is escaped for HTML, or for ``markdown``.

    Of each piece of evidence ``most_characters`` are shown; None means all.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_for_markdown if markdown else _for_html,
    )
    environment.filters["shortened"] = _shortened(most_characters)
    environment.filters["marked"] = _marked
    environment.filters["ours"] = _ours
    environment.filters["span"] = lambda text: Markup(code_span(str(text)))  # escapes by itself
    environment.filters["block"] = _block
    environment.filters["lines"] = _lines_of
    environment.filters["counts"] = _counts
    environment.filters["as_started"] = as_started
    environment.globals["requirement_of"] = load_requirements().get
    environment.globals["explanation_of"] = load_explanations().get
    script = Path(__file__).with_name("filter.js").read_text(encoding="utf-8")
    environment.globals["script"] = Markup(script)
    environment.globals["style"] = Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))
    environment.globals["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment


def _for_html(value: Any) -> Any:
    return visible(value) if _is_foreign(value) else value


def _for_markdown(value: Any) -> Any:
    return Markup(in_markdown(value)) if _is_foreign(value) else value  # escapes by itself


def _is_foreign(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Markup)


def _ours(text: str) -> Markup:
    """Text of the contract, which is Markdown; links as their words."""
    return Markup(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text))


def framed(
    command: str,
    header: Header,
    results: Sequence[Result],
    exit_code: int | None,
    word: str,
    reasons: Sequence[str],
    *,
    seconds: float | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """The variables of both page templates, for a run of ``command``, such as ``pulse conformance``.

    ``exit_code``, ``word`` and ``reasons`` are those of the verdict; without one, ``exit_code`` is None. ``seconds`` is
    how long the run took, if that is known. ``folder`` has the files that the page is made from, if there are any:
    results.jsonl, and the matrix of mutants if one was made. Raises OSError.
    """
    results = by_clause(results)
    failures = [
        {"clause": clause, "results": of_clause}
        for clause in load_clauses().values()
        if (of_clause := [one for one in results if one.clause == clause.id and one.outcome in _BAD])
    ]
    known = [result for result in results if result.outcome == "xfail"]
    shown = [(result.clause, result.case) for result in results if result.outcome in _BAD]
    styles: Mapping[int | None, str] = {Exit.CONFORMANT: "xfail" if known else "pass", Exit.INCONCLUSIVE: "mild"}
    matrix = folder / "matrix.json" if folder and (folder / "matrix.json").is_file() else None
    of_pulse = header.implementation.get("profile") == "pulse"
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
        "groups": clause_groups(results),
        "outcomes": OUTCOMES,
        "left_out": not_measured(results),
        "specification": answered_specification(results) if of_pulse else (),
        "environment": environment_of(header),
        "inputs": inputs_of(header, [folder / "results.jsonl", *([matrix] if matrix else [])] if folder else ()),
        **_mutants(matrix, header.kit_files),
    }


def _mutants(matrix: Path | None, kit_files: str) -> dict[str, Any]:
    """The matrix, or why it is not shown: it must not keep a run from its report."""
    try:
        return {"mutants": None if matrix is None else load_matrix(matrix, kit_files), "no_mutants": ""}
    except ValueError as error:
        return {"mutants": None, "no_mutants": f"Not shown: {error}"}


def _facts(header: Header, results: Sequence[Result], seconds: float | None) -> list[tuple[str, str]]:
    """When it ran, for how long, the command, and the counts of cases and clauses, as pairs of a name and a text."""
    when = [_date(header.started)] if header.started else []
    lasted = [_duration(seconds)] if seconds is not None else []
    counts = Counter(result.outcome for result in results)
    return [
        ("clauses", coverage_of(results).sentence),
        ("cases", ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if counts[outcome]) or "none"),
        *([("run", ", ".join([*when, *lasted]))] if when or lasted else []),
        *([("command", header.command)] if header.command else []),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    """Such as ``5 pass, 1 fail``: outcomes in their usual order, other counts in theirs."""
    known = [name for name in OUTCOMES if counts.get(name)]
    return ", ".join(
        f"{counts[name]:,} {name}" for name in [*known, *(name for name in counts if name not in OUTCOMES)]
    )


def _block(value: Any, most: int = 40) -> Markup:
    """A piece of evidence as a code block of Markdown, of at most ``most`` lines."""
    lines = value.splitlines() if isinstance(value, str) else list(_lines_of(value))
    cut = [f"… ({len(lines) - most:,} more lines in results.jsonl)"] if len(lines) > most else []
    return Markup(code_block([*(line[:_LONGEST_LINE] for line in lines[:most]), *cut]))  # escapes by itself


def _lines_of(value: Any) -> Iterator[str]:
    """A piece of evidence in lines: of a mapping a line for each member, and of a list of them an empty one between."""
    if isinstance(value, Mapping):
        yield from (f"{name}: {one}" for name, one in value.items())
    elif isinstance(value, str) or not isinstance(value, Iterable):
        yield str(value)
    else:
        for number, one in enumerate(value):
            if isinstance(one, Mapping):
                yield from [""] * (number > 0)
                yield from _lines_of(one)
            else:
                yield str(one)


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
