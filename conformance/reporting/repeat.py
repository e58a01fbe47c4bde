"""The command that repeats what a result is about.

Options are declared once, as fields of a frozen dataclass with defaults (`conformance.runner.run.RunPlan`, the
`Scenario` of the stress harness); those that differ from their defaults become the options of the command.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["changed_options", "repeat_command"]


def changed_options(
    plan: DataclassInstance,
    usual: DataclassInstance,
    *,
    names: Mapping[str, str] | None = None,
    leave_out: Collection[str] = (),
) -> list[tuple[str, Any]]:
    """The fields of ``plan`` that differ from ``usual``, as (option, value).

    An option is named as its field, with hyphens, unless ``names`` has another name for it.
    """
    named = names or {}
    return [
        (named.get(field.name, field.name.replace("_", "-")), getattr(plan, field.name))
        for field in dataclasses.fields(usual)
        if field.name not in leave_out and getattr(plan, field.name) != getattr(usual, field.name)
    ]


def repeat_command(command: str, options: Iterable[tuple[str, Any]]) -> str:
    """The command line ``command``, which may have options already, with these at its end: ``[("dir", Path("/tmp"))]``.

    A value None or False leaves its option out, and True is an option without a value. The members of a tuple have
    commas between them. An option of one letter, such as ``n``, has one hyphen.
    """
    return " ".join([command, *map(shlex.quote, _words(options))])


def _words(options: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for name, value in options:
        if value is None or value is False:
            continue
        yield f"-{name}" if len(name) == 1 else f"--{name}"
        if isinstance(value, tuple):
            yield ",".join(map(str, value))
        elif isinstance(value, float):
            yield f"{value:g}"
        elif value is not True:
            yield str(value)
