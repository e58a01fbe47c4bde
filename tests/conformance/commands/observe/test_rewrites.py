"""How a traced process rewrites a file, from its calls."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.commands.observe.rewrites import OperationLog, Rewrite
from conformance.syscalls.tracer.calls import Argument, Call, Descriptor

O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_DSYNC = 1, 0o100, 0o1000, 0o2000, 0o10000
AT = "/data"


def call(name: str, result: int = 0, *, process: int = 1, error: int = 0, **arguments: Argument) -> Call:
    return Call(1, 2, process, process, name, arguments, result, error)


def opened(name: str, flags: int, descriptor: int = 3) -> Call:
    return call("openat", descriptor, path=f"{AT}/{name}", flags=flags, mode=0o644)


def on(name: str, what: str, **arguments: int) -> Call:
    return Call(1, 2, 1, 1, what, {"descriptor": Descriptor(3, f"{AT}/{name}"), **arguments}, 0)


def wrote(name: str) -> Call:
    return call("write", 5, descriptor=Descriptor(3, f"{AT}/{name}"), count=5)


def renamed(name: str, to: str = "f", **how: int) -> Call:
    return call("rename", path=name if name.startswith("/") else f"{AT}/{name}", other_path=f"{AT}/{to}", **how)


FOLDER = call("fsync", descriptor=Descriptor(4, AT))
NEW = O_WRONLY | O_CREAT | O_TRUNC
FILLED = [opened("t", NEW), wrote("t")]
IN_PLACE = [opened("f", NEW), wrote("f"), on("f", "close")]


def rewrites(*calls: Call, existing: tuple[str, ...] = ("f",)) -> Mapping[Rewrite, int]:
    log = OperationLog(AT, "f", existing)
    for each in calls:
        log.take(each)
    log.end()
    return log.rewrites


PATTERNS = {
    "synced and renamed": (
        [*FILLED, on("t", "fsync"), on("t", "close"), renamed("t"), FOLDER],
        Rewrite("replaced", ("create temp", "write", "sync", "close", "rename temp → f", "sync folder"), True),
    ),
    "never synced": (
        [*FILLED, on("t", "close"), renamed("t")],
        Rewrite("replaced", ("create temp", "write", "close", "rename temp → f"), False),
    ),
    "synced after the rename": (
        [*FILLED, renamed("t"), on("f", "fsync"), on("f", "close")],
        Rewrite("replaced", ("create temp", "write", "rename temp → f", "sync"), False),
    ),
    "synced before the last write": (
        [*FILLED, on("t", "fsync"), wrote("t"), renamed("t")],
        Rewrite("replaced", ("create temp", "write", "sync", "write", "rename temp → f"), False),
    ),
    "each write synced": (
        [opened("t", NEW | O_DSYNC), wrote("t"), wrote("t"), renamed("t")],
        Rewrite("replaced", ("create temp", "write, synced several times", "rename temp → f"), True),
    ),
    "everything synced": (
        [*FILLED, call("sync"), renamed("t")],
        Rewrite("replaced", ("create temp", "write", "sync everything", "rename temp → f"), True),
    ),
    "a temp that was there before": (
        [opened("t", O_WRONLY), wrote("t"), on("t", "fsync"), renamed("t")],
        Rewrite("replaced", ("open temp", "write", "sync", "rename temp → f"), None),
    ),
    "a temp of another folder": ([renamed("/tmp/t")], Rewrite("replaced", ("rename temp → f",), None)),
    "a temp with a second name": (
        [*FILLED, on("t", "fsync"), renamed("t", "u"), renamed("u")],
        Rewrite("replaced", ("create temp", "write", "sync", "rename", "rename temp → f"), True),
    ),
    "linked to its name": (
        [*FILLED, on("t", "fsync"), call("unlink", path=f"{AT}/f"), call("link", path=f"{AT}/t", other_path=f"{AT}/f")],
        Rewrite("replaced", ("unlink f", "create temp", "write", "sync", "link temp → f"), True),
    ),
    "exchanged": (
        [*FILLED, on("t", "fsync"), call("renameat2", path=f"{AT}/f", other_path=f"{AT}/t", flags=2)],
        Rewrite("replaced", ("create temp", "write", "sync", "exchange temp → f"), True),
    ),
    "a backup by rename": (
        [*FILLED, on("t", "fsync"), renamed("f", "f.old"), renamed("t")],
        Rewrite("replaced", ("rename f → temp", "create temp", "write", "sync", "rename temp → f"), True),
    ),
    "emptied and written": (IN_PLACE, Rewrite("in place", ("open and empty f", "write", "close"))),
    "through a descriptor that was open before": (
        [wrote("f"), wrote("f")],
        Rewrite("written", ("write several times",)),
    ),
    "at an offset": (
        [on("f", "pwrite64", count=1, offset=2)],
        Rewrite("in place", ("write",)),
    ),
    "shortened": (
        [opened("f", O_WRONLY), on("f", "ftruncate", length=3), on("f", "close")],
        Rewrite("in place", ("open f", "truncate", "close")),
    ),
    "filled after the rename": (
        [opened("t", NEW), renamed("t"), wrote("f"), on("f", "close")],
        Rewrite("in place", ("write", "close")),
    ),
    "appended to": (
        [opened("f", O_WRONLY | O_APPEND), wrote("f"), on("f", "close")],
        Rewrite("appended", ("open f", "write", "close")),
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_rewrite_is_recognised_by_its_operations(name: str) -> None:
    calls, rewrite = PATTERNS[name]
    assert rewrite in rewrites(*calls)


def test_a_new_file_under_its_own_name_is_in_place() -> None:
    assert rewrites(*IN_PLACE, existing=()) == {Rewrite("in place", ("create f", "write", "close")): 1}


def test_names_of_temps_make_no_difference() -> None:
    found = rewrites(*(each for name in "tuv" for each in (opened(name, NEW), wrote(name), renamed(name))))
    assert found == {Rewrite("replaced", ("create temp", "write", "rename temp → f"), False): 3}


def test_what_fails_is_no_rewrite() -> None:
    assert rewrites(renamed("t", error=13), call("openat", -1, error=2, path=f"{AT}/f", flags=NEW)) == {}


def test_a_look_at_the_file_and_at_others_is_no_rewrite() -> None:
    assert rewrites(opened("f", 0), on("f", "close"), opened("log", NEW), wrote("log"), FOLDER) == {}


def test_many_ways_are_not_all_kept() -> None:
    calls = [
        each
        for number in range(40)
        for each in (opened("t", NEW), *[on("t", name, mode=0) for name in ("fchmod", "fsync") * number], renamed("t"))
    ]
    found = rewrites(*calls)
    assert len(found) <= 22
    assert sum(found.values()) == 40


def test_calls_that_cannot_be_followed_are_counted() -> None:
    log = OperationLog(AT, "f")
    log.take(call("io_uring_enter", unknown="operations that it hides"))
    assert log.unknown == {"io_uring_enter": 1}


def test_the_processes_that_write_are_counted() -> None:
    log = OperationLog(AT, "f")
    for each in (1, 1, 2):
        log.take(call("rename", process=each, path=f"{AT}/t", other_path=f"{AT}/f"))
    assert log.processes == {1: 2, 2: 1}
