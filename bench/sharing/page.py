"""Results as Markdown tables, and their place in ``docs/windows.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.sharing.measuring import Result

__all__ = ["HEAD", "Record", "markdown_tables", "merged", "with_tables"]

Record = Mapping[str, Any]
"""A result as `Result.record` gives it to a JSON file."""

HEAD = "<!-- {}: measured by `python -m bench.sharing`; do not edit -->"
_TAIL = "<!-- end of {} -->"


def _share(part: int, whole: int) -> str:
    """A part in percent; what is not nothing never looks like nothing, and what is not all never like all."""
    if not whole:
        return "none tried"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.3g} %"


def _codes(counts: Mapping[str, int]) -> str:
    """Failures by code: ``2,302 (5), 12 (32)``."""
    return ", ".join(f"{count:,} ({code})" for code, count in sorted(counts.items())) or "0"


def _pause(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds else "no pause"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _counts(result: Result) -> list[str]:
    """The columns that `_COUNTS` names."""
    return [
        f"{result.writes:,}",
        _codes(result.lost),
        _share(sum(result.lost.values()), result.writes),
        _seconds(result.longest),
        f"{result.reads:,}",
        f"{result.missing:,}",
        _codes(result.refused),
        f"{result.torn:,}",
        str(result.temps),
    ]


_OF_WRITER = ["writes", "lost, by code", "lost", "longest write"]
_COUNTS = [*_OF_WRITER, "reads", "missing", "refused, by code", "torn", "temps left"]


def _plain(results: Sequence[Result]) -> list[list[str]]:
    rows = [[_pause(result.case.pause), result.case.writer, *_counts(result)] for result in results]
    return [["readers pause", "writer", *_COUNTS], *rows]


def _holding(results: Sequence[Result]) -> list[list[str]]:
    rows = [
        [result.case.sharing, result.case.reader, str(result.case.readers), result.case.writer, *_counts(result)[:4]]
        for result in results
    ]
    return [["shares", "a reader", "readers", "writer", *_OF_WRITER], *rows]


def _replace_file(results: Sequence[Result]) -> list[list[str]]:
    rows = [[result.case.sharing, result.case.writer, *_counts(result)] for result in results]
    return [["readers share", "writer", *_COUNTS], *rows]


def _ways(results: Sequence[Result]) -> list[list[str]]:
    """A row for each way and pause, both writers side by side."""
    pairs: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        pairs.setdefault((result.case.reader, result.case.pause), []).append(result)
    head = ["opened by", "shares", "run as", "pause", *(f"published: {one.case.writer}" for one in results[:2])]
    rows = [[*head, "reads that succeed", "refused, by code", "missing", "torn"]]
    for (name, pause), pair in pairs.items():
        case, refused = pair[0].case, Counter[str]()
        for one in pair:
            refused.update(one.refused)
        ok, missing, torn, reads = (sum(counts) for counts in zip(*map(_of_readers, pair), strict=True))
        published = [_share(one.written, one.writes) for one in pair]
        cells = [_share(ok, reads), _codes(refused), f"{missing:,}", f"{torn:,}"]
        rows.append([name, case.sharing, case.run_as, _pause(pause), *published, *cells])
    return rows


def _of_readers(result: Result) -> tuple[int, int, int, int]:
    return result.ok, result.missing, result.torn, result.reads


_TABLES: Mapping[str, Callable[[Sequence[Result]], list[list[str]]]] = {
    "plain": _plain,
    "ways": _ways,
    "holding": _holding,
    "ReplaceFileW": _replace_file,
}


def markdown_tables(results: Sequence[Result], about: Mapping[str, str]) -> dict[str, str]:
    """Name of a table → its Markdown, with a line about the machine. Tables without results are left out.

    ``error`` is what the reference said when it first gave up.
    """
    tables = {}
    for name, rows_of in _TABLES.items():
        ours = [result for result in results if result.case.table == name]
        if ours:
            head, *rows = rows_of(ours)
            lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
            seconds = "/".join(sorted({f"{result.case.seconds:g}" for result in ours}))
            lines += ["", f"{seconds} s for each row and writer, on {', '.join(about.values())}."]
            tables[name] = "\n".join(lines)
    said = [result.first_error for result in results if result.case.writer == "reference" and result.first_error]
    if said:
        tables["error"] = f"```text\n{said[0]}\n```"
    return tables


def merged(before: Sequence[Record], now: Sequence[Record]) -> list[Record]:
    """The records of now, and of before those whose table was not measured again."""
    again = {record["table"] for record in now}
    return [*(record for record in before if record["table"] not in again), *now]


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """The page with what stands between the marks of each table replaced.

    Raises ValueError when the page has no such marks.
    """
    for name, table in tables.items():
        head, tail = HEAD.format(name), _TAIL.format(name)
        if page.count(head) != 1 or page.count(tail) != 1:
            raise ValueError(f"the page needs these two lines once each, around the table: {head} and {tail}")
        before, rest = page.split(head)
        page = f"{before}{head}\n\n{table}\n\n{tail}{rest.split(tail)[1]}"
    return page
