"""Which failure of a clause comes first."""

import pytest

from conformance.reporting.headline import by_clause, is_special
from conformance.reporting.results import Result
from conformance.runner.frozen_names import present_cases


def fail(clause: str, case: str) -> Result:
    return Result(clause, case, "fail", "why")


def test_clauses_are_in_the_order_of_the_contract_and_plain_cases_come_first() -> None:
    results = [
        fail("PWR-01", "by_another_path:PWR-01"),
        fail("VIS-01", "every_write_of_the_run"),
        fail("VIS-01", "order_of_operations:VIS-01-replace"),
        fail("PWR-01", "every_disk_state_is_old_or_new:replace"),
        fail("VIS-01", "order_of_operations:VIS-01-first"),
    ]
    assert by_clause(results) == [results[number] for number in (2, 4, 1, 3, 0)]


@pytest.mark.parametrize(("clause", "special"), [("FLT-01", False), ("VIS-01", True)])
def test_an_error_is_the_plain_case_of_the_clauses_about_errors_only(clause: str, special: bool) -> None:
    assert is_special(fail(clause, f"fault_at_every_operation:{clause}-replace")) is special


def test_no_clause_has_special_cases_only() -> None:
    by_id: dict[str, list[bool]] = {}
    for clause, case in present_cases():
        by_id.setdefault(clause, []).append(is_special(fail(clause, case)))
    assert {clause for clause, special in by_id.items() if all(special)} == set()
