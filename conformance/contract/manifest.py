"""The manifest of an implementation: ``implementation.toml`` → a checked, frozen description (SPEC.md, "Adapters")."""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conformance.contract.errors import ManifestError, did_you_mean
from conformance.contract.templates import PATH, USUAL_REFUSALS, is_template, wrong

__all__ = ["NO_ISSUE", "KnownFailure", "Manifest", "load_manifest", "parse_manifest"]

NO_ISSUE = "TODO"
"""In place of the address of an issue, until there is one."""

_CHOICES = {
    "profile": ("pulse", "json", "replace"),
    "mode": ("serve", "oneshot", "python"),
    "role": ("writer", "reader"),
    "symlink": ("follow", "replace", "refuse"),
    "hard_link": ("refuse",),
    "os": ("linux", "macos", "windows"),
}
MOST_REPEATS = 100
_REQUIRED = {"name", "language", "profile", "roles", "mode"}


@dataclass(frozen=True)
class KnownFailure:
    """A documented failure: where it happens, why, and the issue in which it is reported. ``cases`` are globs.

    A ``flaky`` one depends on timing: its cases may pass. With ``repeats`` a case that passes is run again, up to that
    many times in all, and when it never fails the entry is out of date.
    """

    clause: str
    reason: str
    issue: str
    os: tuple[str, ...] = ()
    cases: tuple[str, ...] = ("*",)
    flaky: bool = False
    repeats: int | None = None

    def matches(self, clause: str, case: str, os: str) -> bool:
        """Whether a result of this clause and case on this operating system is this known failure."""
        named = any(fnmatch.fnmatchcase(case, glob) for glob in self.cases)
        return clause == self.clause and named and self.concerns(os)

    def concerns(self, os: str) -> bool:
        """Whether it happens on this operating system."""
        return not self.os or os in self.os


@dataclass(frozen=True)
class Manifest:
    """One implementation under test. ``folder`` is where its commands run; ``source`` is what ``--impl`` named.

    ``original`` is the manifest's own folder, where its set-up has made ``folder`` a copy of it.
    """

    name: str
    language: str
    profile: Literal["pulse", "json", "replace"]
    roles: tuple[str, ...]
    mode: Literal["serve", "oneshot", "python"]
    folder: Path
    source: str
    command: tuple[str, ...] = ()
    callable: str = ""
    setup: tuple[tuple[str, ...], ...] = ()
    keep_setup: bool = False
    symlink: Literal["follow", "replace", "refuse"] | None = None
    hard_link: Literal["refuse"] | None = None
    refusals: tuple[int, ...] = (1,)  # exit codes of mode oneshot
    keeps: tuple[str, ...] = ()  # names of files beside a target, ``{name}`` standing for its name
    known_failures: tuple[KnownFailure, ...] = ()
    original: Path | None = None


def load_manifest(path: Path, clause_ids: frozenset[str], source: str) -> Manifest:
    """Read and check one manifest. Raises ManifestError with one line that says what is wrong and where."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: cannot be read as TOML: {error}") from error
    return parse_manifest(text, path, clause_ids, source)


def parse_manifest(text: str, path: Path, clause_ids: frozenset[str], source: str) -> Manifest:
    """Check the text of the manifest at ``path``. Raises ManifestError as `load_manifest` does."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: cannot be read as TOML: {error}") from error
    return _Checker(path, clause_ids).manifest(document, source)


@dataclass(frozen=True)
class _Checker:
    path: Path
    clause_ids: frozenset[str]

    def wrong(self, message: str) -> ManifestError:
        return ManifestError(f"{self.path}: {message}")

    def table(self, value: object, where: str, allowed: set[str], required: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(f"[{where}] must be a table")
        for key in value:
            if key not in allowed:
                near = did_you_mean(key, allowed)
                raise self.wrong(f"unknown key {key!r} in [{where}]; known keys are {', '.join(sorted(allowed))}{near}")
        for key in sorted(required - value.keys()):
            raise self.wrong(f"[{where}] lacks the key {key!r}")
        return value

    def tables(self, document: dict[str, Any]) -> None:
        """Check the names at the top: tables, and one array of tables."""
        written = {"implementation": "[implementation]", "declares": "[declares]", "known_failure": "[[known_failure]]"}
        for name, value in document.items():
            if name in written:
                continue
            near = did_you_mean(name, written)
            if isinstance(value, dict):
                what = f"unknown table [{name}]"
            elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
                what = f"unknown tables [[{name}]]"
            else:
                what = f"the key {name!r} is in no table; keys come below the name of theirs"
            raise self.wrong(f"{what}; there are {', '.join(written.values())}{near}")
        if "implementation" not in document:
            raise self.wrong("lacks the table [implementation]")

    def text(self, value: object, where: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{where} must be a string that is not empty")
        return value

    def choice(self, value: object, where: str, kind: str) -> Any:
        if value not in _CHOICES[kind]:
            raise self.wrong(f"{where} is {value!r}; it must be one of {', '.join(_CHOICES[kind])}")
        return value

    def words(self, value: object, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
            raise self.wrong(f"{where} must be a list of strings that is not empty")
        return tuple(value)

    def manifest(self, document: dict[str, Any], source: str) -> Manifest:
        self.tables(document)
        about = self.table(
            document["implementation"],
            "implementation",
            _REQUIRED | {"command", "callable", "setup", "keep_setup", "refusals"},
            _REQUIRED,
        )
        mode = self.choice(about["mode"], "implementation.mode", "mode")
        start, other = ("callable", "command") if mode == "python" else ("command", "callable")
        if start not in about or other in about:
            raise self.wrong(f"mode {mode!r} needs the key {start!r} in [implementation], and not {other!r}")
        roles = self.words(about["roles"], "implementation.roles")
        for role in roles:
            self.choice(role, "implementation.roles", "role")
        profile = self.choice(about["profile"], "implementation.profile", "profile")
        if profile != "pulse" and "reader" in roles:
            raise self.wrong(f'profile "{profile}" has no reader clauses; implementation.roles must be ["writer"]')
        command = self.command(about) if mode != "python" else ()
        setup = about.get("setup", [])
        if not isinstance(setup, list):
            raise self.wrong("implementation.setup must be a list of commands, each a list of strings")
        declares = self.table(document.get("declares", {}), "declares", {"symlink", "hard_link", "keeps"}, set())
        known = document.get("known_failure", [])
        if not isinstance(known, list):
            raise self.wrong("known_failure must be written as [[known_failure]]")
        return Manifest(
            name=self.text(about["name"], "implementation.name"),
            language=self.text(about["language"], "implementation.language"),
            profile=profile,
            roles=roles,
            mode=mode,
            folder=self.path.parent.resolve(),
            source=source,
            command=command,
            refusals=self.refusals(about, command),
            callable=self.entry_point(about["callable"]) if mode == "python" else "",
            setup=tuple(self.words(command, "implementation.setup") for command in setup),
            keep_setup=self.yes_or_no(about, "keep_setup", "implementation"),
            symlink=self.declared(declares, "symlink"),
            hard_link=self.declared(declares, "hard_link"),
            keeps=self.names(declares["keeps"], "declares.keeps") if "keeps" in declares else (),
            known_failures=tuple(self.known_failure(entry) for entry in known),
        )

    def command(self, about: dict[str, Any]) -> tuple[str, ...]:
        words = self.words(about["command"], "implementation.command")
        if problem := wrong(words):
            raise self.wrong(f"implementation.command {problem}")
        if is_template(words) and (about["mode"], about["profile"]) != ("oneshot", "replace"):
            raise self.wrong(f'implementation.command has {PATH}, which needs mode "oneshot" and profile "replace"')
        return words

    def refusals(self, about: dict[str, Any], command: tuple[str, ...]) -> tuple[int, ...]:
        if "refusals" not in about:
            return USUAL_REFUSALS if is_template(command) else (1,)
        codes = about["refusals"]
        if about["mode"] != "oneshot":
            raise self.wrong('implementation.refusals are exit codes, which only mode "oneshot" has')
        if (
            not isinstance(codes, list)
            or not codes
            or any(type(code) is not int or not 0 < code < 256 for code in codes)
        ):
            raise self.wrong("implementation.refusals must be a list of exit codes from 1 to 255 that is not empty")
        return tuple(codes)

    def yes_or_no(self, table: dict[str, Any], key: str, where: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{where}.{key} must be true or false")
        return value

    def declared(self, declares: dict[str, Any], key: str) -> Any:
        return self.choice(declares[key], f"declares.{key}", key) if key in declares else None

    def names(self, value: object, where: str) -> tuple[str, ...]:
        for name in (words := self.words(value, where)):
            if any(character in name for character in "/\\*?[") or name in (".", "..", "{name}"):
                raise self.wrong(
                    f'{where} has {name!r}; it must name files beside a target, such as ".{{name}}.lock", without * ? ['
                )
        return words

    def entry_point(self, value: object) -> str:
        text = self.text(value, "implementation.callable")
        module, colon, attribute = text.partition(":")
        if not (colon and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])):
            raise self.wrong(f"implementation.callable is {text!r}; it must have the form package.module:factory")
        return text

    def known_failure(self, value: object) -> KnownFailure:
        required = {"clause", "reason", "issue"}
        entry = self.table(value, "known_failure", required | {"os", "case", "flaky", "repeats"}, required)
        clause = self.text(entry["clause"], "known_failure.clause")
        if clause not in self.clause_ids:
            raise self.wrong(f"known_failure names the unknown clause {clause!r}; SPEC.md lists them")
        issue = self.text(entry["issue"], "known_failure.issue")
        if issue != NO_ISSUE and not issue.startswith("https://"):
            wanted = f'it must be an https:// address, or "{NO_ISSUE}" until there is one'
            raise self.wrong(f"known_failure.issue is {issue!r}; {wanted}")
        return KnownFailure(
            clause=clause,
            reason=self.text(entry["reason"], "known_failure.reason"),
            issue=issue,
            os=tuple(
                self.choice(name, "known_failure.os", "os")
                for name in (self.words(entry["os"], "known_failure.os") if "os" in entry else ())
            ),
            cases=self.globs(entry.get("case", "*"), "known_failure.case"),
            flaky=self.yes_or_no(entry, "flaky", "known_failure"),
            repeats=self.repeats(entry),
        )

    def repeats(self, entry: dict[str, Any]) -> int | None:
        if "repeats" not in entry:
            return None
        number = entry["repeats"]
        if type(number) is not int or not 2 <= number <= MOST_REPEATS:
            raise self.wrong(f"known_failure.repeats must be a whole number from 2 to {MOST_REPEATS}")
        if entry.get("flaky") is not True:
            raise self.wrong("known_failure.repeats needs flaky = true: other cases have to fail each time")
        return number

    def globs(self, value: object, where: str) -> tuple[str, ...]:
        return self.words(value, where) if isinstance(value, list) else (self.text(value, where),)
