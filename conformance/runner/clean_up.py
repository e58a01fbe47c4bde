"""The end of the kit's temporary folders, also of those of runs that were killed: what is left of them is said."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.reporting.escaping import printable
from conformance.system.run_folders import remove_run_folder, sweep

__all__ = ["remove_left_folders", "remove_or_say"]


def remove_or_say(folder: Path) -> None:
    """Remove a folder of the run; says on standard error what could not be removed, and why."""
    try:
        remove_run_folder(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        _say(f"{folder}: {error.strerror}; remove it yourself")


def remove_left_folders() -> None:
    """Remove the folders of runs that were killed; says on standard error what could not be removed, and why."""
    for line in sweep():
        _say(line)


def _say(line: str) -> None:
    click.echo(printable(line, one_line=True), err=True)
