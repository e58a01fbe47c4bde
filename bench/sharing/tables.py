"""Results as Markdown tables, and their place in ``docs/windows.md``."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bench.sharing.measure import Result

__all__ = ["markdown_tables", "with_tables"]

_HEAD = "<!-- {}: measured by `python -m bench.sharing`; do not edit -->"
_TAIL = "<!-- end of {} -->"
_WIDTH = 120


def _percent(part: int, whole: int) -> str:
    """``12.3 %``; a share that is not exactly 0 or 100 % is never shown as such."""
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.3g} %"


def _codes(counts: Mapping[str, int]) -> str:
    """Failures by error code: ``2,302 (5), 12 (32)``."""
    return ", ".join(f"{count:,} ({code})" for code, count in sorted(counts.items())) or "0"


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


_Columns = Mapping[str, Callable[[Result], str]]
_PAUSE: _Columns = {"pause": lambda one: f"{one.pause} ms" if one.pause else "none"}
_SHARES: _Columns = {"shares": lambda one: one.shares}
_WRITER: _Columns = {
    "writer": lambda one: one.writer,
    "writes": lambda one: f"{one.writes:,}",
    "lost (code)": lambda one: _codes(one.lost),
    "lost": lambda one: _percent(sum(one.lost.values()), one.writes),
    "longest write": lambda one: _duration(one.longest),
}
_READERS: _Columns = {
    "reads": lambda one: f"{one.reads:,}",
    "missing": lambda one: f"{one.missing:,}",
    "refused (code)": lambda one: _codes(one.refused),
    "torn": lambda one: f"{one.torn:,}",
    "temps left": lambda one: f"{one.temps:,}",
}
_TABLES: Mapping[str, _Columns] = {
    "plain": {**_PAUSE, **_WRITER, **_READERS},
    "holding": {
        **_SHARES,
        "file is closed": lambda one: "after the pause" if one.reader.endswith("held") else "before the pause",
        "readers": lambda one: str(one.readers),
        **_WRITER,
    },
    "ReplaceFileW": {**_SHARES, **_WRITER, **_READERS},
}


def _ways(results: Sequence[Result]) -> list[list[str]]:
    """A row for each way of opening and pause, the two writers side by side."""
    published = [f"published: {one.writer}" for one in results[:2]]
    rows = [["opened by", "shares", "pause", *published, "reads ok", "refused (code)", "missing", "torn"]]
    for first, second in zip(results[::2], results[1::2], strict=True):
        published = [_percent(one.written, one.writes) for one in (first, second)]
        reads_ok = _percent(first.ok + second.ok, first.reads + second.reads)
        refused = _codes(Counter(first.refused) + Counter(second.refused))
        counts = [f"{first.missing + second.missing:,}", f"{first.torn + second.torn:,}"]
        rows.append([first.reader, first.shares, _PAUSE["pause"](first), *published, reads_ok, refused, *counts])
    return rows


def markdown_tables(results: Sequence[Result]) -> dict[str, str]:
    """Name of a table → its Markdown, for the tables that have results.

    ``error`` is what the reference reported when it last gave up.
    """
    tables = {}
    for name in dict.fromkeys(one.table for one in results):
        ours = [one for one in results if one.table == name]
        if name == "ways":
            head, *rows = _ways(ours)
        else:
            columns = _TABLES[name]
            head, rows = list(columns), [[cell(one) for cell in columns.values()] for one in ours]
        lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
        lines += ["", f"{ours[0].seconds:g} s for each row and writer, on {ours[0].machine}."]
        tables[name] = "\n".join(lines)
    gave_up = [one.first_error for one in results if one.writer == "reference" and one.first_error]
    if gave_up:
        wrap = textwrap.TextWrapper(_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        lines = [line for text in gave_up[-1].splitlines() for line in wrap.wrap(text)]
        tables["error"] = "\n".join(["```text", *lines, "```"])
    return tables


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """The page with the text between the markers of each table replaced. Raises ValueError if a marker is missing."""
    for name, table in tables.items():
        before, head, rest = page.partition(_HEAD.format(name))
        _, tail, after = rest.partition(_TAIL.format(name))
        if not tail:
            raise ValueError(f"the page has no markers {_HEAD.format(name)} and {_TAIL.format(name)}")
        page = f"{before}{head}\n\n{table}\n\n{tail}{after}"
    return page
