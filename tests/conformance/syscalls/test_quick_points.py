"""The points that are left of those of a write under ``--quick``."""

import errno

import pytest

from conformance.oracle.call_errors import ERRORS_OF_SYSTEM_CALL
from conformance.syscalls.points import boundary_points, brief, brief_faults, fault_points, interrupt_points
from tests.conformance.syscalls.honest_write import HONEST, names, operations


class TestBrief:
    """``--quick``: few errors, and boundaries at which a process that ends there leaves something else behind."""

    def test_kills_come_first_of_all_and_after_each_change(self) -> None:
        kills = tuple(boundary_points(operations(), "replace", "status.json"))
        assert names(brief(kills)) == [
            "replace:0:create:kill-before",
            "replace:0:create:kill-after",
            "replace:1:write:kill-after",
            "replace:5:rename:kill-after",
            "replace:8:unlink:kill-after",
        ]

    def test_a_boundary_between_threads_is_one_of_its_own(self) -> None:
        first, second = operations()[1:3]
        elsewhere = second._replace(call=second.call._replace(thread=second.call.thread + 1))
        kills = tuple(boundary_points([first, elsewhere], "replace", "status.json"))
        assert names(brief(kills))[2:] == ["replace:2:sync:kill-before"]

    def test_a_call_is_interrupted_in_its_middle_even_if_it_changes_nothing(self) -> None:
        found = names(brief(tuple(interrupt_points(operations(), "status.json"))))
        assert "replace:2:sync:interrupt-before" in found
        assert "replace:2:sync:interrupt-after" not in found
        assert "replace:5:rename:interrupt-after" in found

    def test_an_open_may_truncate_a_file(self) -> None:
        text = 'open("/run/status.json", O_WRONLY|O_TRUNC) = 3</run/status.json>\nopen("/run", O_RDONLY) = 4</run>\n'
        kills = tuple(boundary_points(operations(text), "replace", "status.json"))
        assert names(brief(kills)) == ["replace:0:open:kill-before", "replace:0:open:kill-after"]

    def test_a_lock_is_a_change(self) -> None:
        text = HONEST + "flock(4</run/b>, LOCK_EX) = 0\n"
        kills = tuple(boundary_points(operations(text), "replace", "status.json"))
        assert names(brief(kills))[-1] == "replace:10:lock:kill-after"

    def test_nothing_of_nothing(self) -> None:
        assert brief(()) == ()
        assert brief_faults(()) == ()

    def test_an_operation_fails_with_its_first_error_only(self) -> None:
        every = tuple(fault_points(operations(), "replace", "status.json"))
        found = brief_faults(every)
        first = [point for point in found if point.what == "error"]
        assert [point.number for point in first] == sorted({point.number for point in every if point.what == "error"})
        assert all(point.error == ERRORS_OF_SYSTEM_CALL[operations()[point.number].call.name][0] for point in first)
        assert len(found) < len(every) / 2

    def test_a_write_is_shortened_in_one_way_only(self) -> None:
        every = tuple(fault_points(operations(), "replace", "status.json"))
        assert len([point for point in every if point.what == "short"]) == 4
        assert [point.name for point in brief_faults(every) if point.what == "short"] == ["replace:1:write:short"]

    @pytest.mark.parametrize("what", ["error and failing clean-up", "EINTR"])
    def test_what_is_no_other_error_stays(self, what: str) -> None:
        every = tuple(fault_points(operations(), "replace", "status.json"))
        there = [point for point in every if point.what == what]
        assert there
        assert [point for point in brief_faults(every) if point.what == what] == there

    def test_an_error_lasts_from_one_operation_only(self) -> None:
        every = tuple(fault_points(operations(), "replace", "status.json"))
        lasting = [point for point in brief_faults(every) if point.what == "lasting"]
        assert [point.error for point in lasting] == [errno.EIO, errno.ENOSPC, errno.EROFS]
