"""``python -m bench``: measure, show the tables, and write ``docs/results.md`` with its plots."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path

import click

from bench.contenders import ROOT
from bench.sections import SECTIONS, Place, Plan
from bench.tables import markdown_page, terminal_table
from conformance.reporting.terminal import new_console
from conformance.system.platform import describe_platform

ROUNDS, GENERATIONS = 10, 6
QUICK_ROUNDS, QUICK_GENERATIONS = 3, 2
SHARED_MEMORY = Path("/dev/shm")


def _machine(places: list[Place]) -> dict[str, str]:
    """The kind of machine."""
    about = describe_platform()
    return {
        "system": f"{about['system']} {about['release'].split('-')[0]}, {about['machine']}",
        "cores": str(os.cpu_count()),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "file systems": ", ".join(place.file_system for place in places),
    }


@click.command()
@click.option("--only", help=f"Sections, separated by commas: {', '.join(SECTIONS)}. Writes no page.")
@click.option("--quick", is_flag=True, help="Few rounds, for a first look. Writes no page.")
@click.option(
    "--dir", "disk", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder for durable writes."
)
@click.option(
    "--memory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"A tmpfs; by default {SHARED_MEMORY}, if it exists.",
)
def main(only: str | None, quick: bool, disk: Path | None, memory: Path | None) -> None:
    """Measure the project against C and against other libraries."""
    names = only.split(",") if only else list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise click.UsageError(f"--only {unknown[0]}: no such section; choose from {', '.join(SECTIONS)}")
    if memory is None and SHARED_MEMORY.is_dir():
        memory = SHARED_MEMORY
    console = new_console()
    docs = ROOT / "docs"
    whole = not only and not quick
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        console.status("starting") as status,  # shows nothing without a terminal
    ):
        plan = Plan(
            Place.of(disk or Path(tempfile.gettempdir())),
            Place.of(memory) if memory is not None else None,
            QUICK_ROUNDS if quick else ROUNDS,
            QUICK_GENERATIONS if quick else GENERATIONS,
            Path(scratch),
            docs / "results" if whole else None,
            status.update,
        )
        sections = []
        for name in names:
            sections.append(SECTIONS[name](plan))
            console.print(terminal_table(sections[-1]))
            console.print()
    if whole:
        places = [plan.disk, *([plan.memory] if plan.memory else [])]
        (docs / "results.md").write_text(markdown_page(_machine(places), sections), encoding="utf-8")
        console.print(f"written: {docs / 'results.md'}")


if __name__ == "__main__":
    main()
