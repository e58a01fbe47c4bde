"""Finds words and phrases that are not plain English: ``python scripts/plain_english.py [--counts] [PATH…]``.

The phrases, what to write instead and the exceptions are data: ``plain_english.toml`` beside this file. Without a path
every tracked text file is read. Exit codes: 0 nothing found, 1 phrases found or an exception that is no longer needed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Allowed", "Finding", "Phrase", "Rules", "find", "load_rules", "main", "tracked_files"]

_ROOT = Path(__file__).resolve().parents[1]
_DATA = Path(__file__).with_suffix(".toml")
# Between two words: white space, the mark of a comment on the next line, or the underscore of an identifier.
_GAP = r"(?:_|\s+(?:(?:\#|//|\*|>)\s+)?)"


@dataclass(frozen=True)
class Phrase:
    """One phrase to avoid: what finds it, what to write instead, and samples of both kinds for the tests."""

    pattern: str
    plain: str
    caught: tuple[str, ...]
    spared: tuple[str, ...]

    def expression(self) -> re.Pattern[str]:
        """The regular expression: any gap between words, and whole words only."""
        spaced = self.pattern.replace(" ", _GAP)
        return re.compile(rf"(?<![^\W_])(?:{spaced})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class Allowed:
    """One exception: in this file, the phrases within this excerpt stand for the reason given."""

    path: str
    text: str
    reason: str

    def expression(self) -> re.Pattern[str]:
        """Finds the excerpt, however it is wrapped."""
        return re.compile(r"\s+(?:#\s+)?".join(re.escape(word) for word in self.text.split()))


@dataclass(frozen=True)
class Rules:
    """The whole of ``plain_english.toml``."""

    phrases: tuple[Phrase, ...]
    allowed: tuple[Allowed, ...] = ()
    skipped: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Finding:
    """A phrase in a file."""

    path: str
    line: int
    text: str
    plain: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: “{self.text}”: write instead: {self.plain}"


def load_rules(data: Path = _DATA) -> Rules:
    """Read the phrases, the exceptions and the files to skip. Raises TypeError for an entry with unknown members."""
    document = tomllib.loads(data.read_text(encoding="utf-8"))
    phrases = (
        Phrase(**{**entry, "caught": tuple(entry["caught"]), "spared": tuple(entry["spared"])})
        for entry in document["phrase"]
    )
    allowed = (Allowed(**entry) for entry in document.get("allow", []))
    return Rules(tuple(phrases), tuple(allowed), tuple(document["skip"]))


def find(path: str, text: str, rules: Rules) -> Iterator[Finding]:
    """Every phrase in a text that no exception allows, by position."""
    spans = [span.span() for rule in rules.allowed if rule.path == path for span in rule.expression().finditer(text)]
    matches = [
        (match, phrase)
        for phrase in rules.phrases
        for match in phrase.expression().finditer(text)
        if not any(start <= match.start() and match.end() <= end for start, end in spans)
    ]
    for match, phrase in sorted(matches, key=lambda pair: pair[0].start()):
        line = text.count("\n", 0, match.start()) + 1
        yield Finding(path, line, " ".join(match.group().split()), phrase.plain)


def tracked_files(root: Path, skipped: Sequence[str], paths: Sequence[str] = ()) -> list[str]:
    """The names, relative to ``root``, of the files that git tracks or would add, less the skipped ones."""
    patterns = [f":(exclude,glob)**/{pattern}" if "/" not in pattern else f":(exclude){pattern}" for pattern in skipped]
    command = [
        "git",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *(paths or ["."]),
        *patterns,
    ]
    output = subprocess.run(command, cwd=root, check=True, capture_output=True, encoding="utf-8").stdout
    return sorted({name for name in output.split("\0") if name and (root / name).is_file()})


def _read(file: Path) -> str | None:
    """The text of a file, or None when it is not UTF-8 text."""
    data = file.read_bytes()
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unused(rules: Rules, texts: dict[str, str]) -> Iterator[str]:
    phrases = Rules(rules.phrases)
    for rule in rules.allowed:
        excerpts = (match.group() for match in rule.expression().finditer(texts.get(rule.path, "")))
        if not any(any(find(rule.path, excerpt, phrases)) for excerpt in excerpts):
            yield f"{_DATA.name}: the exception for “{rule.text}” in {rule.path} is no longer needed"


def _count(findings: Iterable[Finding]) -> Iterator[str]:
    for path, count in sorted(Counter(finding.path for finding in findings).items(), key=lambda item: (-item[1], item)):
        yield f"{count:5} {path}"


def main(arguments: Sequence[str] | None = None, *, root: Path = _ROOT) -> int:
    """Check the files and print what was found. Returns the exit code."""
    parser = argparse.ArgumentParser(description="find words and phrases that are not plain English")
    parser.add_argument("--counts", action="store_true", help="print the number of findings of each file only")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or folders; default: every tracked file")
    options = parser.parse_args(arguments)
    rules = load_rules()
    names = tracked_files(root, rules.skipped, options.paths)
    texts = {name: text for name in names if (text := _read(root / name)) is not None}
    findings = [finding for name, text in texts.items() for finding in find(name, text, rules)]
    # Selected files say nothing about exceptions for the others.
    unused = [] if options.paths else list(_unused(rules, texts))
    for line in [*(_count(findings) if options.counts else map(str, findings)), *unused]:
        print(line)
    if findings or unused:
        print(f"{len(findings)} phrases that are not plain English in {len(texts)} files", file=sys.stderr)
    return 1 if findings or unused else 0


if __name__ == "__main__":
    sys.exit(main())
