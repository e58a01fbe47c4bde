"""What a message says where a clause has nothing to judge."""

import pytest

from conformance.syscalls.absent import no_point, nothing_to_judge


@pytest.mark.parametrize(
    ("clause", "glob", "text"),
    [
        ("FLT-04", "*", "it never syncs the temp by a call that can fail, such as fsync"),
        ("FLT-06", "*", "it never calls rename"),
        ("FLT-01", "*", "FLT-01 is about none of the 35 faults"),
        ("FLT-04", "replace:1:*", "FLT-04 is about none of the 35 faults that --point replace:1:* matches"),
    ],
)
def test_a_clause_says_what_the_writer_never_does(clause: str, glob: str, text: str) -> None:
    assert nothing_to_judge(clause, "35 faults", glob) == text


def test_a_family_says_what_the_writer_never_does() -> None:
    assert no_point("unsupported", "*", 0) == "it never syncs the folder"
    assert no_point("faults", "nothing:*", 35) == "--point nothing:* matches no fault of this write (35 points)"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["replace:2:rename:EIO", "replace:5:sync:EIO"], "it syncs the file only after the replace"),
        (["replace:5:sync-folder:EIO"], "it never syncs the temp by a call that can fail, such as fsync"),
    ],
)
def test_a_sync_after_the_replace_is_said(names: list[str], text: str) -> None:
    assert nothing_to_judge("FLT-04", "35 faults", "*", names) == text
