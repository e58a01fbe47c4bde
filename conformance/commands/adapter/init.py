"""``pulse init``: writes an adapter, its manifest and a workflow to start from."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from conformance.reporting.escaping import printable
from conformance.reporting.results import Exit
from conformance.runner.command_line import FOLDER, run_command

__all__ = ["LANGUAGES", "Language", "files_of", "guessed_language", "main"]

NAME = "pulse init"
TEMPLATES = Path(__file__).with_name("templates")
MARK = "YOUR WRITER"
MANIFEST = "implementation.toml"
WORKFLOW = Path(".github", "workflows", "pulse.yml")
_PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)  # a path that Go, Cargo and TOML take as it is


@dataclass(frozen=True)
class AtTheRoot:
    """How the manifest lies at the root of a project, where the set-up, which runs in a copy of the manifest's folder,
    finds the project's own packages: ``sign`` is a file of the root, and ``changes`` are what differs in the files of
    the template, by their names. One without any text is not written.
    """

    sign: str
    changes: Mapping[str, tuple[tuple[str, str], ...] | None]


@dataclass(frozen=True)
class Language:
    """One language: the ``tools`` that its template needs, and names of files that show a project of it."""

    tools: tuple[str, ...]
    signs: tuple[str, ...]
    at_the_root: AtTheRoot | None = None


_GO = AtTheRoot(
    "go.mod",
    {
        "go.mod": None,  # with one of its own it could import nothing of the project
        MANIFEST: (
            ('"./adapter"', '"@FOLDER@/adapter"'),
            ('"adapter", "."]]  # once before', '"@FOLDER@/adapter", "./@FOLDER@"]]  # before'),
        ),
    },
)
_RUST = AtTheRoot(
    "Cargo.toml",
    {
        "Cargo.toml": (("[workspace]", '[dependencies]\n# NAME = { path = "@UP@" }  # your crate\n\n[workspace]'),),
        MANIFEST: (
            ('"target/release/adapter"', '"@FOLDER@/target/release/adapter"'),
            ('"--quiet"', '"--quiet", "--manifest-path", "@FOLDER@/Cargo.toml"'),
        ),
    },
)

LANGUAGES: Mapping[str, Language] = {
    "python": Language((), ("pyproject.toml", "setup.py", "requirements.txt", "*.py")),
    "node": Language(("node",), ("package.json", "*.mjs", "*.js", "*.ts")),
    "go": Language(("go",), ("go.mod", "*.go"), _GO),
    "rust": Language(("cargo",), ("Cargo.toml", "*.rs"), _RUST),
    "java": Language(("java", "javac"), ("pom.xml", "build.gradle", "build.gradle.kts", "*.java")),
    "c": Language(("cc",), ("CMakeLists.txt", "configure.ac", "*.c")),
    "shell": Language(("sh",), ("*.sh",)),
}
"""By the name of the folder of templates. A project is of the first language with a sign, the surest signs first."""


def guessed_language(folder: Path) -> str:
    """The language of the project in a folder, by the names of its files; empty where none is a sign."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    by_name = (name for name, language in LANGUAGES.items() if names.intersection(language.signs))
    endings = {Path(name).suffix for name in names}
    by_ending = (name for name, language in LANGUAGES.items() if {f"*{end}" for end in endings} & {*language.signs})
    return next(by_name, "") or next(by_ending, "")


def files_of(language: str, folder: Path) -> Iterator[tuple[Path, bytes]]:
    """The files to write, and what is in them.

    The workflow is last. It is in the root of the repository that holds the folder; without one in the current folder,
    if that holds it.
    """
    templates, here = TEMPLATES / language, Path.cwd()
    root, at_the_root = folder, LANGUAGES[language].at_the_root
    place = folder.relative_to(here).as_posix() if folder.is_relative_to(here) and folder != here else ""
    if at_the_root and (here / at_the_root.sign).is_file() and _PLAIN.fullmatch(place):
        root, changes = here, at_the_root.changes
    else:
        changes = {}
    for template in sorted(path for path in templates.rglob("*") if path.is_file()):
        name = template.relative_to(templates).as_posix()
        of_file = changes.get(name, ())
        if "__pycache__" in template.parts or of_file is None:
            continue
        text = template.read_bytes()
        up = os.path.relpath(root, folder).replace(os.sep, "/")
        for before, after in of_file:
            text = text.replace(before.encode(), after.replace("@FOLDER@", place).replace("@UP@", up).encode())
        yield (root if name == MANIFEST else folder) / name, text
    repository = repository_of(root) or (here if place else folder)
    workflow = (TEMPLATES / "workflow.yml").read_text(encoding="utf-8")
    judged = shlex.quote(root.relative_to(repository).as_posix())
    yield repository / WORKFLOW, workflow.replace("@FOLDER@", judged).encode()


def repository_of(folder: Path) -> Path | None:
    """The root of the git repository that holds a folder, or will; None without one."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


@click.command(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--language", type=click.Choice(list(LANGUAGES)), help="Default: that of the files in the current folder."
)
@click.argument("folder", type=FOLDER, default=Path("pulse-adapter"))
def _command(language: str | None, folder: Path) -> int:
    """Write an adapter, its manifest and a workflow for GitHub into FOLDER (by default pulse-adapter).

    They run as they are, with a stand-in for your writer: one line, marked YOUR WRITER, is for you to change. No file
    is ever overwritten. The workflow goes to the root of the repository that FOLDER is in, and the manifest beside a
    go.mod or Cargo.toml of the current folder, so that the adapter can import what is there.

    Exit codes: 0 written; 1 a file is there already, or cannot be written; 2 usage.
    """
    chosen = language or guessed_language(Path())
    if not chosen:
        raise click.UsageError(f"--language: no file here shows the language; choose one of {', '.join(LANGUAGES)}")
    *files, workflow = files_of(chosen, Path(os.path.abspath(folder)))
    there = [path for path, _ in files if os.path.lexists(path)]
    if there:
        names = ", ".join(_shown(path) for path in there)
        return _refused(f"already there, and never overwritten: {names}; name another folder, or move them away")
    kept = os.path.lexists(workflow[0])
    try:
        _write(files if kept else [*files, workflow])
    except OSError as error:
        return _refused(f"cannot be written: {error}; nothing was left")
    for path, _ in files:
        _say(f"wrote {_shown(path)}")
    _say(f"{'kept ' if kept else 'wrote'} {_shown(workflow[0])}{', which was there already' if kept else ''}")
    if repository_of(workflow[0].parent) is None:
        _say("note: no git repository here; GitHub reads .github only in the root of one")
    path, line = _marked(files)
    _say("")
    _say(f"Your line is {_shown(path)}:{line}, marked {MARK}.")
    _say("Until you change it, a stand-in for your writer is judged:")
    place = shlex.quote(_shown(next(path.parent for path, _ in files if path.name == MANIFEST)))
    _say(f"  pulse adapter check {place}")
    _say(f"  pulse conformance --impl {place}")
    for tool in LANGUAGES[chosen].tools:
        if shutil.which(tool) is None:
            _say(f"note: {tool} is not in PATH; install it first")
    return Exit.CONFORMANT


def _write(files: list[tuple[Path, bytes]]) -> None:
    """Write all files, or none. Raises OSError."""
    written: list[Path] = []
    try:
        for path, data in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                written.append(path)
                stream.write(data)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _marked(files: list[tuple[Path, bytes]]) -> tuple[Path, int]:
    """The file and the line that are the user's."""
    for path, data in files:
        for number, line in enumerate(data.decode().splitlines(), 1):
            if MARK in line:
                return path, number
    raise LookupError(f"no template has the mark {MARK}")


def _shown(path: Path) -> str:
    """A path as short as it can be from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _refused(text: str) -> int:
    click.echo(f"{NAME}: {printable(text, one_line=True)}", err=True)
    return Exit.NOT_CONFORMANT


def _say(text: str) -> None:
    click.echo(printable(text, one_line=True))


def main(arguments: list[str]) -> int:
    """Run ``pulse init`` with these arguments. Returns the exit code."""
    return run_command(_command, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
