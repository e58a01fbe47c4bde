"""The rules that the tracer gets for the points of a write."""

import errno

import pytest

from conformance.syscalls.points import Point
from conformance.syscalls.tracer.messages import Rule

SHORTENED = ("write", "pwrite64", "copy_file_range", "sendfile", "splice", "writev", "pwritev", "pwritev2")
RULES = {
    "kill": (Point("first", "kill", "after", 4, "rename", "other"), [Rule("kill", "after", 4, 4)]),
    "interrupt after": (
        Point("replace", "interrupt", "after", 4, "stat", "target"),
        [Rule("interrupt", "after", 4, 4)],
    ),
    "interrupt in the middle": (
        Point("replace", "interrupt", "before", 4, "sync", "other"),
        [Rule("fail", "before", 4, 4, value=errno.EINTR), Rule("interrupt", "before", 4, 4)],
    ),
    "short": (
        Point("replace", "short", "before", 1, "write", "other", "write", size=50),
        [Rule("shorten", "before", 1, 1, SHORTENED, 50)],
    ),
    "EINTR": (
        Point("replace", "EINTR", "before", 1, "write", "other", "write"),
        [Rule("fail", "before", 1, 1, value=errno.EINTR)],
    ),
    "error": (
        Point("replace", "error", "before", 2, "sync", "other", "fsync", errno.EIO),
        [Rule("fail", "before", 2, 2, value=errno.EIO)],
    ),
    "error of a rename, which lasts": (
        Point("replace", "error", "before", 2, "rename", "other", "rename", errno.EXDEV),
        [Rule("fail", first=2, calls=("rename", "renameat", "renameat2"), value=errno.EXDEV)],
    ),
    "failing clean-up": (
        Point("replace", "error and failing clean-up", "before", 2, "sync", "other", "fsync", errno.EIO),
        [
            Rule("fail", "before", 2, 2, value=errno.EIO),
            Rule("fail", first=3, calls=("unlink", "unlinkat"), value=errno.EROFS),
        ],
    ),
    "failing clean-up with a different error from the first": (
        Point("replace", "error and failing clean-up", "before", 2, "open", "other", "open", errno.EROFS),
        [
            Rule("fail", "before", 2, 2, value=errno.EROFS),
            Rule("fail", first=3, calls=("unlink", "unlinkat"), value=errno.EBUSY),
        ],
    ),
}


@pytest.mark.parametrize(("point", "rules"), RULES.values(), ids=RULES)
def test_the_rules_for_the_tracer(point: Point, rules: list[Rule]) -> None:
    assert list(point.rules()) == rules
