"""Keeps conformance/case_names.txt: the names of all cases, which manifests, baselines and policies rely on.

python scripts/case_names.py            add the new names to the file, and mark as gone those that the suite has no more
python scripts/case_names.py --check    fail if the file is not what the suite has

A new case costs nothing. A case that is renamed or removed breaks the manifests that name it: its old name stays in the
file as ``gone``, and CHANGELOG.md has to say in backquotes what became of it, such as `MET-01 mode_is_kept:0644`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.clauses import load_clauses
from conformance.runner.collection import cases_in

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "conformance" / "case_names.txt"
CHANGELOG = ROOT / "CHANGELOG.md"
HEAD = """\
# The names of all cases, by clause: part of the interface, and the same on every system. Written by
# `python scripts/case_names.py`. A name after `gone` is one that the suite had; CHANGELOG.md says what became of it.
"""
_GONE = "gone "
Case = tuple[str, str]  # clause, name


@dataclass(frozen=True)
class Frozen:
    """The content of the file: the cases that the suite has, and those that it had."""

    present: frozenset[Case]
    gone: frozenset[Case] = frozenset()


def parsed(text: str) -> Frozen:
    """Read the file's text. Raises ValueError for a line that is none."""
    present: set[Case] = set()
    gone: set[Case] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            continue
        clause, _, name = line.removeprefix(_GONE).partition(" ")
        if not name or clause not in load_clauses():
            raise ValueError(f"{NAMES.name}:{number}: not a clause and the name of a case: {line!r}")
        (gone if line.startswith(_GONE) else present).add((clause, name))
    return Frozen(frozenset(present), frozenset(gone))


def written(frozen: Frozen) -> str:
    """The text of the file."""
    order = list(load_clauses())
    lines = [
        f"{_GONE if case in frozen.gone else ''}{case[0]} {case[1]}"
        for case in sorted(frozen.present | frozen.gone, key=lambda case: (order.index(case[0]), case[1]))
    ]
    return HEAD + "".join(f"{line}\n" for line in lines)


def renewed(frozen: Frozen, cases: Iterable[Case]) -> Frozen:
    """What the file has to be for a suite of these cases."""
    present = frozenset(cases)
    return Frozen(present, (frozen.gone | frozen.present) - present)


def complaints(frozen: Frozen, cases: Iterable[Case], changelog: str) -> list[str]:
    """What is wrong with the file, or with the changelog, for a suite of these cases: a sentence each."""
    wanted = renewed(frozen, cases)
    told = [f"{clause} {name}" for clause, name in sorted(wanted.gone)]
    return [
        *(f"new: {clause} {name}" for clause, name in sorted(wanted.present - frozen.present)),
        *(f"gone: {clause} {name}" for clause, name in sorted(wanted.gone - frozen.gone)),
        *(f"CHANGELOG.md does not say what became of `{name}`" for name in told if f"`{name}`" not in changelog),
    ]


def main(arguments: Sequence[str]) -> int:
    """Write or check the file. Returns the exit code: 1 if it is wrong, or a name is gone without a word."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the file is not what the suite has")
    options = parser.parse_args(arguments)
    frozen = parsed(NAMES.read_text(encoding="utf-8"))
    cases = cases_in(ROOT / "conformance" / "suite")
    if not options.check:
        frozen = renewed(frozen, cases)
        NAMES.write_text(written(frozen), encoding="utf-8", newline="\n")
    wrong = complaints(frozen, cases, CHANGELOG.read_text(encoding="utf-8"))
    for line in wrong:
        print(line)
    if wrong:
        print("Names of cases are public. To renew the file: python scripts/case_names.py")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
