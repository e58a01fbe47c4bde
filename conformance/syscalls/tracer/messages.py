"""What the tracer is to do during one request, and what it reports afterwards: the messages between it and the kit.

Each message is one line. To the tracer: ``arm`` with a plan, ``go`` after a boundary, ``look`` and ``release`` while a
thread is parked, ``disarm``. From it: ``started``, ``armed``, ``boundary``, ``parked``, ``others`` in answer to
``look``, ``report``; or ``refused`` when the system does not allow tracing, ``broken`` when it fails itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from conformance.syscalls.tracer.calls import Argument, Call, Descriptor, TraceError

__all__ = [
    "Action",
    "Anchor",
    "Fired",
    "Lines",
    "Phase",
    "Plan",
    "Report",
    "Rule",
    "read_plan",
    "read_report",
    "write_plan",
    "write_report",
]

Phase = Literal["before", "after"]
Action = Literal["fail", "shorten", "kill", "interrupt", "terminate", "hold", "park"]
_NEVER = 1 << 30


class Rule(NamedTuple):
    """One thing to do at operations ``first`` … ``last`` (numbers as in `operations_of`), if their call is one of
    ``calls`` (none named: any), before the kernel does the operation or after.

    ``fail``: the call returns the errno ``value`` and does nothing, except that a close still closes. ``shorten``: at
    most ``value`` bytes are requested, and fewer than the program did. ``kill``: SIGKILL to every process of the
    implementation. ``interrupt``: SIGINT to every process, as Ctrl-C does; ``terminate``: SIGTERM, as a scheduler does.
    ``hold``: the implementation stands still until the kit sends ``go``. ``park``: one thread stands still until the
    kit sends ``release``, and the others go on.
    """

    action: Action
    phase: Phase = "before"
    first: int = 0
    last: int = _NEVER
    calls: tuple[str, ...] = ()
    value: int = 0

    def applies(self, number: int, name: str, phase: Phase) -> bool:
        """Whether the rule applies at this operation and phase."""
        in_range = self.phase == phase and self.first <= number <= self.last
        return in_range and (not self.calls or name in self.calls)


class Anchor(NamedTuple):
    """Operation ``number`` of the rules is the ``nth`` ``call`` of the request, from 0, wherever it comes.

    A writer may make other operations before it than it made when it was recorded.
    """

    call: str
    nth: int
    number: int


class Plan(NamedTuple):
    """The folder whose operations are recorded, the rules, and where else the writer makes its temps (`Concern`).

    With an anchor no rule applies before it, and the rules' numbers follow it.
    """

    folder: str
    rules: tuple[Rule, ...] = ()
    elsewhere: tuple[str, ...] = ()
    anchor: Anchor | None = None

    @property
    def parks(self) -> bool:
        """Whether a thread is to stand still until the answer has come."""
        return any(rule.action == "park" for rule in self.rules)


class Fired(NamedTuple):
    """One rule that was carried out, at which operation. ``value`` is the rule's; of ``interrupt`` and ``terminate`` it
    is 1 when the implementation had a handler for the signal, 2 when it ignored it there though it had a handler when
    the request began, 3 when it ignored it then, too, 4 when it had none and blocked it there, though not when the
    request began, else 0.
    """

    action: Action
    phase: Phase
    number: int
    name: str
    value: int


class Report(NamedTuple):
    """What was recorded. ``ended`` is the wait status of the implementation, None while it lives.

    ``outside`` are the files outside of the folder that were opened for writing or renamed, the first of them only.
    ``outlived`` says whether another process was still running when the implementation ended.
    """

    calls: tuple[Call, ...]
    fired: tuple[Fired, ...]
    ended: int | None
    outside: tuple[str, ...] = ()
    outlived: bool = False


class Lines:
    """The lines that arrive at a descriptor. Unlike with a file object, those that have arrived can be asked for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    @property
    def arrived(self) -> bool:
        """Whether `readline` would not wait."""
        return b"\n" in self._rest

    def readline(self) -> bytes:
        """The next line, or nothing at the end."""
        while not self.arrived:
            try:
                more = os.read(self._descriptor, 1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                return b""
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"


def write_plan(plan: Plan) -> str:
    """A plan as JSON."""
    rules = [rule._asdict() for rule in plan.rules]
    return json.dumps({**plan._asdict(), "rules": rules})


def read_plan(text: str) -> Plan:
    """What `write_plan` made."""
    fields = json.loads(text)
    rules = (Rule(**{**rule, "calls": tuple(rule["calls"])}) for rule in fields["rules"])
    anchor = Anchor(*given) if (given := fields.get("anchor")) else None
    return Plan(fields["folder"], tuple(rules), tuple(fields.get("elsewhere", ())), anchor)


def write_report(report: Report) -> str:
    """A report as JSON."""
    calls = [{**call._asdict(), "arguments": _plain(call.arguments)} for call in report.calls]
    return json.dumps({**report._asdict(), "calls": calls, "fired": [fired._asdict() for fired in report.fired]})


def _plain(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    return {name: value._asdict() if isinstance(value, Descriptor) else value for name, value in arguments.items()}


def read_report(text: str) -> Report:
    """What `write_report` made. Raises TraceError."""
    try:
        fields = json.loads(text)
        calls = tuple(_call(values) for values in fields["calls"])
        fired = tuple(Fired(**values) for values in fields["fired"])
        return Report(calls, fired, fields["ended"], tuple(fields.get("outside", ())), fields.get("outlived", False))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"the tracer's report cannot be read: {type(error).__name__}: {error}") from error


def _call(values: dict[str, Any]) -> Call:
    arguments = {
        name: Descriptor(**value) if isinstance(value, dict) else value for name, value in values["arguments"].items()
    }
    return Call(**{**values, "arguments": arguments})
