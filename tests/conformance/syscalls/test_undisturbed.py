"""The steps of an undisturbed write, in words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.runner.recorded_writes import kept_writes
from conformance.runner.run import Run
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.operations import operations_of
from conformance.syscalls.strace.parser import parse
from conformance.syscalls.undisturbed import described

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
CREATE = 'open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>'
WRITE = 'write(3</run/a>, "new", 3) = 3'
SYNC = "fsync(3</run/a>) = 0"
RENAME = 'rename("/run/a", "/run/status.json") = 0'
SYNC_FOLDER = "fsync(4</run>) = 0"
TEMP = "the temp, which no reader opens"
SAFE = "its bytes are on the disk, before its new name can be"
REPLACE = "the replace: from here on readers get the new document"
KEPT = "the new name is on the disk as well: the write survives a power cut"


def steps(*lines: str) -> list[str]:
    return [entry["meaning"] for entry in described(operations_of(parse("\n".join(lines)), "/run", []), "status.json")]


@pytest.mark.parametrize(
    ("lines", "meanings"),
    [
        ([CREATE, WRITE, SYNC, RENAME, SYNC_FOLDER], [TEMP, "", SAFE, REPLACE, KEPT]),
        ([CREATE, WRITE, RENAME, SYNC], [TEMP, "", REPLACE, ""]),
        ([CREATE, SYNC, WRITE, SYNC, RENAME], [TEMP, "", "", SAFE, REPLACE]),
        ([SYNC_FOLDER, CREATE, "sync() = 0", RENAME, "sync() = 0"], ["", TEMP, SAFE, REPLACE, KEPT]),
    ],
    ids=["a whole one", "synced too late", "only the last sync counts", "sync of everything"],
)
def test_each_step_of_an_atomic_write_is_named(lines: list[str], meanings: list[str]) -> None:
    assert steps(*lines) == meanings


def test_a_call_that_failed_is_no_step() -> None:
    [_, failed, renamed] = described(
        operations_of(
            parse(
                "\n".join(
                    [CREATE, 'rename("/run/a", "/run/status.json") = -1 EXDEV (Invalid cross-device link)', RENAME]
                )
            ),
            "/run",
            [],
        ),
        "status.json",
    )
    assert (failed["meaning"], failed["error"]) == ("", "Invalid cross-device link")
    assert (renamed["number"], renamed["call"], renamed["text"]) == (2, "rename", "rename a → status.json")
    assert renamed["meaning"] == REPLACE


@pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")
def test_the_syscall_engine_keeps_the_write_that_it_records(python_run: Callable[..., Run]) -> None:
    laboratory = Laboratory(python_run(CORRECT))
    try:
        laboratory.record("replace")
        laboratory.record("first", size=300)
    except Unmeasured as error:
        pytest.skip(str(error))
    finally:
        laboratory.stop()
    [write] = kept_writes(laboratory.run)
    assert write["scenario"] == "replace"
    assert [operation["meaning"] for operation in write["operations"] if operation["meaning"]][:3] == [
        TEMP,
        SAFE,
        REPLACE,
    ]
