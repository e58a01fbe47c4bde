"""``python -m bench.sharing``: measure, print the tables, and keep the figures; ``--page`` puts them into the docs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bench.contenders import ROOT
from bench.sharing.measuring import Result, measure
from bench.sharing.page import markdown_tables, merged, with_tables
from bench.sharing.plan import TABLES, Programs

__all__: list[str] = []

PAGE = ROOT / "docs" / "windows.md"
FIGURES = ROOT / "docs" / "results" / "sharing.json"


def _system() -> str:
    """The system, and Wine where it is not what it says it is."""
    if sys.platform == "win32":
        import ctypes

        try:
            version: Callable[[], bytes] = ctypes.CDLL("ntdll").wine_get_version
        except AttributeError:  # a real one
            return f"Windows {platform.release()}"
        version.restype = ctypes.c_char_p  # type: ignore[attr-defined]  # it is a function of ctypes
        return f"Wine {version().decode()}"
    return platform.system()


def _machine() -> dict[str, str]:
    """The machine by its kind only."""
    return {
        "system": _system(),
        "cores": f"{os.cpu_count()} cores",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


@click.command()
@click.option("--only", help=f"Tables, separated by commas: {', '.join(TABLES)}.")
@click.option("--seconds", type=click.FloatRange(min=0.1, max=300), help="For each case, instead of 30 and 10.")
@click.option(
    "--programs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="programs.json of bench.sharing.build; without it other languages are measured by share mode.",
)
@click.option(
    "--json",
    "figures",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the figures are kept; those of other tables stay.",
)
@click.option("--page", is_flag=True, help=f"Put the tables into docs/{PAGE.name}, and the figures beside the results.")
def main(only: str | None, seconds: float | None, programs: Path | None, figures: Path | None, page: bool) -> None:
    """Measure what readers do to a writer."""
    names = only.split(",") if only else list(TABLES)
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        raise click.UsageError(f"--only {unknown[0]}: there is no such table; choose from {', '.join(TABLES)}")
    if page and sys.platform != "win32":
        raise click.UsageError("--page: the page is about Windows; run it under a Windows Python")
    at_hand: Programs = json.loads(programs.read_text(encoding="utf-8")) if programs else {}
    cases = [case for name in names for case in TABLES[name](seconds, at_hand)]
    about, results = _machine(), list[Result]()
    for number, case in enumerate(cases, 1):
        every = f"every {case.pause} ms" if case.pause else "without pause"
        doing = f"{case.writer}; readers: {case.readers}, {case.reader}, {every}"
        click.echo(f"{number} of {len(cases)}, {case.table}: {doing}", err=True)
        results.append(measure(case))
    tables = markdown_tables(results, about)
    for name, table in tables.items():
        click.echo(f"{name}\n\n{table}\n")
    file = figures or (FIGURES if page else None)
    if file:
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        records = merged(before, [{**result.record(), **about} for result in results])
        text = json.dumps(records, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    if page:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
