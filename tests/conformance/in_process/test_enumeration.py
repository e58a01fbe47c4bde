"""Every fault at every file call: the report on a correct implementation, and on each kind of wrong one.

Each report is made by a process of its own, on a fake Linux and on the real file system, as in a run of the suite.
"""

import errno

import pytest

from conformance.in_process.enumeration import InProcessReport
from conformance.oracle.call_errors import ERRORS_OF_CALL
from conformance.oracle.faults import concerns, judge
from tests.conformance.in_process.correct import CORRECT, Judge, with_change

CLAUSES = ("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05", "FLT-06", "FLT-08", "FLT-09")
SYSTEMS = ("linux", "real")


def broken(report: InProcessReport) -> set[str]:
    """The clauses that an injection of the report breaks."""
    return {
        clause
        for clause in CLAUSES
        for injection in report.injections
        if concerns(clause, injection) and judge(clause, injection) is not None
    }


# A correct implementation


@pytest.mark.parametrize("profile", ["pulse", "replace"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_correct_implementation_breaks_nothing(report_on: Judge, system: str, profile: str) -> None:
    report = report_on(CORRECT, system, profile)
    assert (report.system, report.problem) == (system, "")
    assert report.calls == ("open", "write", "fsync", "close", "rename")
    assert broken(report) == set()
    assert report.bystander_survived is True
    assert report.disk_full is not None
    assert (report.disk_full.answered_error, report.disk_full.left, report.disk_full.next_write) == (
        errno.ENOSPC,
        (),
        "ok",
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_call_fails_with_each_of_its_errors_and_with_an_interrupt(report_on: Judge, system: str) -> None:
    report = report_on(CORRECT, system)
    expected = [
        *(("error", position, error) for position, call in enumerate(report.calls) for error in ERRORS_OF_CALL[call]),
        *(("interrupt", position, 0) for position in range(len(report.calls))),
        *(
            ("error and failing clean-up", position, ERRORS_OF_CALL[call][0])
            for position, call in enumerate(report.calls)
        ),
    ]
    found = [(injection.what, injection.position, injection.error) for injection in report.injections]
    assert sorted(found) == sorted(expected)
    assert all(injection.fired for injection in report.injections)
    assert all(injection.call == report.calls[injection.position] for injection in report.injections)


# It looks whether the target may be opened, and gives the system pieces of a buffer that it releases even when a write
# fails, which Python refuses while anything else holds a piece.
CAREFUL = """
import contextlib
import json
import os

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(path, os.O_RDONLY))
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        data = bytearray(json.dumps(status).encode())
        try:
            try:
                try:
                    with memoryview(data) as view:
                        done = 0
                        while done < len(data):
                            done += os.write(descriptor, view[done:])
                finally:
                    data.clear()
                os.fsync(descriptor)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
                raise
            os.close(descriptor)
            os.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temp)
            raise
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_writer_opens_and_gives_is_left_as_it_was(report_on: Judge, system: str) -> None:
    """The mode of the target that it opens to look, and a buffer that nothing holds after a failed write."""
    report = report_on(CAREFUL, system)
    assert (report.problem, broken(report)) == ("", set())
    assert report.disk_full is not None
    assert (report.disk_full.answer, report.disk_full.touched) == ("io", False)


# After a failed write the open file stays in a reference cycle, and each write makes enough objects for a collection.
LEFT_TO_THE_COLLECTOR = """
import json
import os

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        file = open(temp, "wb", buffering=65536)
        try:
            file.write(json.dumps(status).encode())
            if os.path.exists(path):
                objects = [[] for _ in range(5000)]
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            cycle = [file]
            cycle.append(cycle)
            os.unlink(temp)
            raise
        file.close()
        os.replace(temp, path)
"""


def test_a_file_left_to_the_garbage_collector_does_not_renumber_the_calls_of_later_writes(report_on: Judge) -> None:
    report = report_on(LEFT_TO_THE_COLLECTOR, "real")
    assert [injection.name() for injection in report.injections if not injection.fired] == []
    assert any(injection.descriptors_left for injection in report.injections)


OTHER_WAYS = {
    "pathlib": """
import json
from pathlib import Path

class Implementation:
    def write(self, path, status):
        temp = Path(path + ".tmp")
        try:
            temp.write_text(json.dumps(status))
            temp.replace(path)
        except BaseException:
            try:
                temp.unlink(missing_ok=True)
            except OSError:
                pass
            raise
""",
    "a buffered file with an fsync": """
import contextlib
import json
import os

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        try:
            with open(temp, "w") as file:
                file.write(json.dumps(status))
                file.flush()
                os.fsync(file.fileno())
            os.rename(temp, path) if os.name == "posix" else os.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(temp)
            raise
""",
    "tempfile and the mode of the target": """
import contextlib
import json
import os
import tempfile

class Implementation:
    def write(self, path, status):
        descriptor, temp = tempfile.mkstemp(dir=os.path.dirname(path))
        try:
            with open(descriptor, "wb") as file:
                file.write(json.dumps(status).encode())
            with contextlib.suppress(OSError):
                os.chmod(temp, os.stat(path).st_mode & 0o777)
            os.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temp)
            raise
""",
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("source", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_calls_made_through_other_modules_are_seen_and_correct_writers_break_nothing(
    report_on: Judge, source: str, system: str
) -> None:
    report = report_on(source, system)
    assert report.problem == ""
    assert {"open", "write", "close", "rename"} <= set(report.calls)
    assert broken(report) == set()


# Wrong implementations, and exactly the clauses that they break

WRONG: dict[str, tuple[str, set[str]]] = {
    "an error of fsync is swallowed": (
        with_change(
            "                os.fsync(descriptor)\n",
            "                with contextlib.suppress(OSError):\n                    os.fsync(descriptor)\n",
        ),
        {"FLT-04"},
    ),
    "a failed fsync is tried again": (
        with_change(
            "                os.fsync(descriptor)\n",
            "                try:\n                    os.fsync(descriptor)\n"
            "                except OSError:\n                    os.fsync(descriptor)\n",
        ),
        {"FLT-04"},
    ),
    "an error of close is swallowed": (
        with_change(
            "            os.close(descriptor)\n            os.replace",
            "            with contextlib.suppress(OSError):\n                os.close(descriptor)\n"
            "            os.replace",
        ),
        {"FLT-05"},
    ),
    "a copy when the rename cannot cross devices": (
        with_change(
            "            os.replace(temp, path)\n",
            "            try:\n                os.replace(temp, path)\n            except OSError as error:\n"
            "                if error.errno != errno.EXDEV:\n                    raise\n"
            "                with open(path, 'w') as file:\n                    file.write(text)\n"
            "                os.unlink(temp)\n",
        ),
        {"FLT-06"},
    ),
    "no clean-up": (
        with_change("                os.unlink(temp)\n", "                pass\n"),
        {"FLT-02", "FLT-09"},
    ),
    "a clean-up after errors only": (
        with_change("        except BaseException:\n            with", "        except OSError:\n            with"),
        {"FLT-09"},
    ),
    "the descriptor stays open after an error": (
        with_change("                    os.close(descriptor)\n", "                    pass\n"),
        {"FLT-02"},
    ),
    "an error of the clean-up hides the first one": (
        with_change(
            "            with contextlib.suppress(OSError):\n                os.unlink(temp)\n",
            "            os.unlink(temp)\n",
        ),
        {"FLT-08"},
    ),
    "every error is swallowed": (
        with_change("                os.unlink(temp)\n            raise\n", "                os.unlink(temp)\n"),
        {"FLT-01", "FLT-04", "FLT-05", "FLT-06", "FLT-08", "FLT-09"},
    ),
    "an interrupt becomes an error": (
        with_change(
            "                os.unlink(temp)\n            raise\n",
            "                os.unlink(temp)\n"
            "            if isinstance(sys.exc_info()[1], KeyboardInterrupt):\n                raise OSError(5, 'x')\n"
            "            raise\n",
        ),
        {"FLT-09"},
    ),
    "an error becomes a crash": (
        with_change(
            "                os.unlink(temp)\n            raise\n",
            "                os.unlink(temp)\n"
            "            if isinstance(sys.exc_info()[1], OSError):\n                raise RuntimeError('no')\n"
            "            raise\n",
        ),
        {"FLT-01", "FLT-04", "FLT-05", "FLT-06", "FLT-08"},
    ),
    "an error becomes a refusal": (
        with_change(
            "                os.unlink(temp)\n            raise\n",
            "                os.unlink(temp)\n"
            "            if isinstance(sys.exc_info()[1], OSError):\n                raise ValueError('no')\n"
            "            raise\n",
        ),
        {"FLT-01", "FLT-04", "FLT-05", "FLT-06", "FLT-08"},
    ),
    "after an error it answers ok and writes nothing": (
        with_change(
            "        Implementation.count += 1\n",
            "        if hasattr(self, 'dead'):\n            return\n",
        ).replace(
            "                os.unlink(temp)\n",
            "                os.unlink(temp)\n            self.dead = True\n",
        ),
        {"FLT-03"},
    ),
    "in place": (
        "import json\nclass Implementation:\n    def write(self, path, status):\n"
        "        with open(path, 'w') as file:\n            file.write(json.dumps(status))\n",
        {"FLT-01", "FLT-09"},
    ),
    "the target is removed first": (
        with_change(
            "            os.replace(temp, path)\n",
            "            os.unlink(path)\n            os.rename(temp, path)\n",
        )
        # The first write has nothing to remove.
        .replace(
            "            os.unlink(path)\n",
            "            if os.path.exists(path):\n                os.unlink(path)\n",
        ),
        {"FLT-01", "FLT-06", "FLT-09"},
    ),
    "no write works after an error": (
        with_change(
            "        Implementation.count += 1\n",
            "        if hasattr(self, 'dead'):\n            raise OSError(errno.EIO, 'dead')\n",
        ).replace(
            "                os.unlink(temp)\n",
            "                os.unlink(temp)\n            self.dead = True\n",
        ),
        {"FLT-03"},
    ),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("source", "clauses"), WRONG.values(), ids=WRONG)
def test_a_wrong_implementation_is_caught_by_the_clauses_about_it(
    report_on: Judge, source: str, clauses: set[str], system: str
) -> None:
    report = report_on(source, system)
    assert report.problem == ""
    assert broken(report) == clauses


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_file_object_around_a_descriptor_opens_nothing_that_could_fail(report_on: Judge, system: str) -> None:
    report = report_on(OTHER_WAYS["tempfile and the mode of the target"], system)
    assert report.calls.count("open") == 1


BYSTANDERS = {
    "removes the temp's name after the replace": (
        with_change(
            "            os.replace(temp, path)\n",
            "            os.replace(temp, path)\n            with contextlib.suppress(OSError):\n"
            "                os.unlink(temp)\n",
        ),
        False,
    ),
    "never renames": (
        "import json\nclass Implementation:\n    def write(self, path, status):\n"
        "        with open(path, 'w') as file:\n            file.write(json.dumps(status))\n",
        None,
    ),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("source", "survives"), BYSTANDERS.values(), ids=BYSTANDERS)
def test_a_file_that_takes_the_temps_name_after_the_replace(
    report_on: Judge, source: str, survives: bool | None, system: str
) -> None:
    assert report_on(source, system).bystander_survived is survives


_CREATE = "        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT"
_LOCK = """\
        lock = f"{path}.lock"
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT, 0o666))
        os.unlink(lock)
"""
PLANTED = {
    "gives up": (CORRECT, True),
    "removes a lock file": (with_change(_CREATE, _LOCK + _CREATE), True),
    "opens without O_EXCL after a lock file": (
        with_change(_CREATE, _LOCK + _CREATE).replace(" | os.O_EXCL", ""),
        False,
    ),
    "opens without O_EXCL": (with_change(" | os.O_EXCL", ""), False),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("source", "survives"), PLANTED.values(), ids=PLANTED)
def test_a_file_that_has_the_temps_name_already(report_on: Judge, source: str, survives: bool, system: str) -> None:
    assert report_on(source, system).planted_survived is survives
