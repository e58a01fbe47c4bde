"""audit.html and audit.md: what audit.json says, as a page that a release manager can read, print and sign."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import OutputError
from conformance.reporting.page import page_environment

__all__ = ["render", "write_pages"]

_STYLES = {"APPROVED": "pass", "REJECTED": "fail", "INCOMPLETE": "mild"}


def write_pages(folder: Path, audit: Mapping[str, Any], exit: int = 0) -> None:
    """Write ``audit.html`` and ``audit.md`` into a folder that exists. ``audit`` is the content of audit.json.

    Raises OutputError, with the exit code of the decision.
    """
    for name, markdown in (("audit.html", False), ("audit.md", True)):
        text = render(audit, markdown=markdown)
        try:
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise OutputError(f"{folder / name} could not be written: {error}", exit) from error


def render(audit: Mapping[str, Any], *, markdown: bool = False) -> str:
    """The page as HTML, or as Markdown. ``audit`` is the content of audit.json."""
    environment = page_environment(Path(__file__).parent, markdown=markdown)
    template = environment.get_template("audit.md.jinja" if markdown else "audit.html.jinja")
    platforms = sorted({platform for clause in audit["clauses"].values() for platform in clause["platforms"]})
    titles = {clause.id: clause.title for clause in load_clauses().values()}
    policy = {name: _words(value) for name, value in audit["policy"].items() if name != "accepted"}
    return template.render(
        audit=audit,
        style_of=_STYLES[audit["decision"]],
        platforms=platforms,
        titles=titles,
        policy=policy,
        files=_hash_of_files(audit["implementation"].get("files")),
    )


def _hash_of_files(files: object) -> str:
    """The hash of the manifest's folder, and nothing where it has none."""
    return str(files.get("sha256", "")) if isinstance(files, Mapping) else ""


def _words(value: object) -> str:
    """A setting of the policy in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{number:,} {name}" for name, number in value.items()) or "none"
    return ", ".join(value) if isinstance(value, list) else str(value)
