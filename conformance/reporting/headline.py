"""Which failure of a clause is shown first: one at a plain path, at the usual size. A pure function."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import EVERY_WRITE, Result

__all__ = ["by_clause", "is_special"]

_SPECIAL = frozenset(
    {
        "acknowledged_write_behind_a_link_survives",
        "by_another_path",
        "every_disk_state_of_a_short_document",
        EVERY_WRITE,
        "new_file_honours_the_folders_access_list",
        "old_files_of_others_survive",
        "operations_whatever_the_size_and_the_name",
        "processes_in_spaces_of_their_own",
        "special_bits_are_kept",
        "whatever_the_size_and_the_name",
    }
)
_WITH_A_FAULT = ("fault_at_every_operation", "fault_at_every_file_call")


def is_special(result: Result) -> bool:
    """Whether the case is about a link, a drawn name, an error and the like. Where a plain case of the clause has
    failed, too, that has nothing to do with it.
    """
    test = result.case.partition(":")[0]
    return test in _SPECIAL or (test in _WITH_A_FAULT and not result.clause.startswith("FLT"))


def by_clause(results: Iterable[Result]) -> list[Result]:
    """The results by clause in the order of the contract; of a clause, those of plain cases first."""
    order = list(load_clauses())
    return sorted(results, key=lambda result: (order.index(result.clause), is_special(result)))
