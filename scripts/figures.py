"""Counts the figures of the structure: units, arrows, floors and rings of each package, and lines.

``python scripts/figures.py``, in a checkout, with grimp (`tox -e lint` installs it). A unit is a module or a package
directly inside the package; an arrow is a pair of units of which the first imports the second; floors are the units of
the longest chain of arrows; a ring is a set of units that import each other. Mutants, variants, implementations and
vectors are subjects or data: they are left out of the arrows, and counted apart in the lines.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import grimp

PARTS = {"product": ("pulse", "conformance", "stress", "bench"), "tools": ("scripts", ".ci"), "tests": ("tests",)}
SUFFIXES = (".py", ".jinja", ".c", ".sh", ".rs", ".go", ".java", ".cs", ".cjs", ".mjs")
LEFT_OUT = (
    "conformance.implementations",
    "conformance.mutation.mutants",
    "conformance.mutation.variants",
    "conformance.vectors",
)
LONG_MODULE = 400  # lines

Arrows = Mapping[str, frozenset[str]]


def arrows_of(package: str) -> Arrows:
    """Unit → the units that it imports, without itself."""
    graph = grimp.build_graph(package)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        if module == package or module.startswith(LEFT_OUT):
            continue
        unit = _unit(package, module)
        found.setdefault(unit, set())
        for imported in graph.find_modules_directly_imported_by(module):
            other = _unit(package, imported) if imported != package else unit
            if other != unit and not imported.startswith(LEFT_OUT):
                found[unit].add(other)
    return {unit: frozenset(imported) for unit, imported in found.items()}


def _unit(package: str, module: str) -> str:
    return module.removeprefix(f"{package}.").partition(".")[0]


def reachable(arrows: Arrows, start: str) -> frozenset[str]:
    """Every unit that a unit imports, directly or not."""
    seen: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        unit = waiting.pop()
        if unit not in seen:
            seen.add(unit)
            waiting += arrows.get(unit, frozenset())
    return frozenset(seen)


def rings(arrows: Arrows) -> list[frozenset[str]]:
    """Sets of two or more units that import each other."""
    reach = {unit: reachable(arrows, unit) for unit in arrows}
    found = {frozenset(other for other in reach[unit] if unit in reach[other]) for unit in arrows}
    return sorted((ring for ring in found if ring), key=len)


def floors(arrows: Arrows) -> int:
    """Units of the longest chain; a ring counts as one."""
    ring_of = {unit: ring for ring in rings(arrows) for unit in ring}
    known: dict[object, int] = {}

    def height(unit: str) -> int:
        ring = ring_of.get(unit, frozenset({unit}))
        if ring not in known:
            below = {other for member in ring for other in arrows.get(member, frozenset())} - ring
            known[ring] = 1 + max((height(other) for other in below), default=0)
        return known[ring]

    return max(height(unit) for unit in arrows)


def tracked(*suffixes: str) -> list[Path]:
    """The tracked files with one of these suffixes."""
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in listed.split("\0") if name.endswith(suffixes))
    return [path for path in paths if path.is_file()]


def lines_of(path: Path) -> list[str]:
    """The lines of a text file."""
    return path.read_text(encoding="utf-8").splitlines()


def total(paths: Iterable[Path]) -> int:
    """Lines of these files together."""
    return sum(len(lines_of(path)) for path in paths)


def main(packages: Sequence[str]) -> None:
    """Print one figure a line."""
    for package in packages:
        arrows = arrows_of(package)
        count = sum(len(imported) for imported in arrows.values())
        ring_text = ", ".join(f"one of {len(ring)} units" for ring in rings(arrows)) or "none"
        print(f"{package}: {len(arrows)} units, {count} arrows, {floors(arrows)} floors, rings: {ring_text}")
    print(f"README.md: {len(lines_of(Path('README.md')))} lines")
    longest = max(
        (len(line), path, number) for path in tracked(".md") for number, line in enumerate(lines_of(path), start=1)
    )
    print(f"longest line of Markdown: {longest[0]} characters ({longest[1]}:{longest[2]})")
    long = [(len(lines_of(path)), path) for path in tracked(".py") if len(lines_of(path)) > LONG_MODULE]
    print(f"modules over {LONG_MODULE} lines: {len(long)}{''.join(f' {path} ({size})' for size, path in long)}")
    for name, folders in PARTS.items():
        print(f"lines of {name}: {total(path for path in tracked(*SUFFIXES) if path.parts[0] in folders):,}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["conformance", "stress"])
