"""Lists the console examples of README files and docs/, and runs one to check that its output is still as shown.

    python scripts/examples.py                      list: place, command
    python scripts/examples.py --run README.md:65   run one and show what it prints no longer
    python scripts/examples.py --run docs/failures.md
    python scripts/examples.py --print README.md:65 run one and show its whole output

An example is a fenced block `console`: a line `$ command`, and what the command prints. A line `…` stands for any
number of lines, and `…` within a line for any characters. Numbers, hexadecimal names and times may differ.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 120  # characters, as for every Markdown line of the project
GAP = "…"
PATIENCE_SECONDS = 3600
VARIES = re.compile(r"\.?\b[0-9a-f]{8,}\b|\d[\d,.]*|\s+|─+")


@dataclass(frozen=True)
class Example:
    """One command of a page, and the output that the page shows for it."""

    page: Path
    line: int
    command: str
    output: tuple[str, ...]

    @property
    def place(self) -> str:
        """The page and the line of the command."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def examples_of(page: Path) -> Iterator[Example]:
    """All examples of a page.

    Raises:
        ValueError: a block does not start with a command; the message has the place.
    """
    block: list[tuple[int, str]] | None = None
    indent = 0  # of the block: it may be part of a list
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if block is None:
            block = [] if line.strip() == "```console" else None
            indent = len(line) - len(line.lstrip())
        elif line.strip() == "```":
            if not block or not block[0][1].startswith("$ "):
                raise ValueError(f"{page}:{number}: the block does not start with a line '$ command'")
            yield from _examples_of_block(page, block)
            block = None
        else:
            block.append((number, line[indent:]))


def _examples_of_block(page: Path, block: list[tuple[int, str]]) -> Iterator[Example]:
    starts = [index for index, (_, line) in enumerate(block) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        number, command = block[start]
        yield Example(page, number, command.removeprefix("$ "), tuple(line for _, line in block[start + 1 : end]))


def missing(documented: tuple[str, ...], printed: list[str]) -> list[str]:
    """The documented lines that were not printed, or not in this order."""
    absent = []
    position = 0
    for line in documented:
        if line.strip() == GAP or not line.strip():
            continue
        found = next((at for at in range(position, len(printed)) if _is_printed(line, printed[at])), None)
        if found is None:
            absent.append(line)
        else:
            position = found + 1
    return absent


def _is_printed(documented: str, printed: str) -> bool:
    parts = [re.escape(_without_what_varies(part)) for part in documented.split(GAP)]
    return re.fullmatch(".*".join(parts), _without_what_varies(printed)) is not None


def _without_what_varies(line: str) -> str:
    return VARIES.sub(lambda varies: " " if varies[0].isspace() else "#", line).strip()


def _run(example: Example, *, whole: bool) -> bool:
    """Run one example and print what is no longer true. Returns whether everything still is."""
    print(f"{example.place}: $ {example.command}", flush=True)
    ended = subprocess.run(
        example.command,
        shell=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_SECONDS,
    )
    printed = ended.stdout.splitlines()
    if whole:
        print(ended.stdout)
        return True
    absent = missing(example.output, printed)
    for line in absent:
        print(f"  - {line}")
        for close in difflib.get_close_matches(line, printed, n=1, cutoff=0.4):
            print(f"  + {close}")
    print(f"  exit code {ended.returncode}, {len(absent)} of {len(example.output)} lines are not printed (any more)")
    return not absent


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit code: 1 when an example has the wrong form, or prints something else."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="PLACE", help="run the example FILE:LINE, or all of FILE, and compare")
    parser.add_argument("--print", metavar="PLACE", dest="shown", help="run it, and print all of its output")
    options = parser.parse_args(arguments)
    pages = [ROOT / "README.md", *sorted(ROOT.glob("*.md")), ROOT / "pulse" / "README.md"]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    try:
        examples = [example for page in dict.fromkeys(pages) for example in examples_of(page)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    wanted = options.run or options.shown
    if wanted:
        chosen = [one for one in examples if wanted in {one.place, one.place.rpartition(":")[0]}]
        if not chosen:
            parser.error(f"no example at {wanted}")
        outcomes = [_run(one, whole=options.run is None) for one in chosen]
        return 0 if all(outcomes) else 1
    wide = [one.place for one in examples if any(len(line) > WIDTH for line in (f"$ {one.command}", *one.output))]
    for example in examples:
        print(f"{example.place}: $ {example.command}")
    for place in wide:
        print(f"{place}: a line of over {WIDTH} characters", file=sys.stderr)
    return 1 if wide else 0


if __name__ == "__main__":
    sys.exit(main())
