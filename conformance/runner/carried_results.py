"""Results on their way from the process that judged to the controlling one, as properties of pytest's reports."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

import pytest

from conformance.reporting.results import Result

__all__ = ["attach", "carried_by"]


def attach(properties: list[tuple[str, object]], results: Iterable[Result], when: str = "call") -> None:
    """Let the ``user_properties`` of a report carry these results; or those of an item, for its reports.

    ``when`` is the phase whose report they belong to: ``setup``, ``call`` or ``teardown``.
    """
    for result in results:
        properties.append((_name(when), json.dumps(dataclasses.asdict(result), default=str)))


def carried_by(report: pytest.TestReport) -> list[Result]:
    """The results that belong to a report. A later phase may repeat the properties of an earlier one."""
    name = _name(report.when)
    return [Result(**json.loads(str(value))) for carried, value in report.user_properties if carried == name]


def _name(when: str | None) -> str:
    return "pulse-result" if when == "call" else f"pulse-result-{when}"
