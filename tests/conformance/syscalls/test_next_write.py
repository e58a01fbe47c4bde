"""The write after a kill: which ones are disturbed, and what is found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured
from conformance.runner.offered_points import point_names
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.next_write import next_visits
from conformance.syscalls.verdicts import problem

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
RECOVERING = """import os
class Implementation:
    def replace(self, path, text):
        temp = path + ".tmp"
        if os.path.exists(temp):
            {recovery}
        with open(temp, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, path)
"""
SWEEPING = RECOVERING.format(recovery="os.unlink(temp)")
PUBLISHING = RECOVERING.format(recovery="os.replace(temp, path)")


def test_a_write_that_finds_nothing_to_recover_is_no_course(laboratory: Callable[..., Laboratory]) -> None:
    with pytest.raises(NotApplicable, match="makes the operations of any other write"):
        next_visits(laboratory(CORRECT))


def test_a_point_that_names_no_kill_is_unmeasured(laboratory: Callable[..., Laboratory]) -> None:
    with pytest.raises(Unmeasured, match="matches no kill of this write"):
        next_visits(laboratory(SWEEPING, point="replace:99:*/*"))


def test_a_write_that_sweeps_is_one_for_each_state_of_the_leftover(laboratory: Callable[..., Laboratory]) -> None:
    visits = next_visits(laboratory(SWEEPING, point="*/*:unlink:kill-after"))
    after = [each.point.split(":")[2] for each in visits]
    assert after == ["create", "write"]  # an empty temp, and a whole one


@pytest.mark.parametrize(("source", "broken"), [(SWEEPING, False), (PUBLISHING, True)])
def test_a_kill_in_recovery_shows_what_it_does_to_the_target(
    laboratory: Callable[..., Laboratory], source: str, broken: bool
) -> None:
    visits = next_visits(laboratory(source, point="*/*:kill-after"))
    assert {each.what for each in visits} == {"kill"}
    problems = [each.point for each in visits if problem("KIL-01", each)]
    assert bool(problems) == broken
    assert all(each.injection.next_write.startswith("ok") for each in visits)


def test_a_point_is_named_after_the_kill_before_it_and_selected_by_that_name(
    laboratory: Callable[..., Laboratory],
) -> None:
    selecting = laboratory(PUBLISHING, point="*:create:kill-after/*:rename:kill-after")
    recovery, publishing = next_visits(selecting)
    first, _, second = recovery.point.partition("/")
    assert first.startswith("replace:")
    assert first.endswith(":create:kill-after")
    assert second.endswith(":rename:kill-after")
    assert problem("KIL-01", recovery)
    assert problem("KIL-01", publishing) is None
    assert {recovery.point, publishing.point} < set(point_names(selecting.run))


def test_recovery_that_publishes_a_whole_document_is_no_harm(laboratory: Callable[..., Laboratory]) -> None:
    visits = next_visits(laboratory(PUBLISHING, point="*:write:kill-after/*:create:E*"))
    assert visits
    assert not any(problem("FLT-01", each) for each in visits)
