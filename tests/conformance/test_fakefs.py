"""Implementations on a fake Linux, macOS and Windows: the report on a right one, and on each way to be wrong.

Each report is made by a process of its own, as in a run of the suite.
"""

import dataclasses
import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.fakefs import SYSTEMS, read_report
from conformance.injections import ERRORS_OF_CALL, FakeSystemReport, Injection, concerns, judge

CLAUSES = ("FLT-01", "FLT-02", "FLT-03", "FLT-04", "FLT-05", "FLT-06", "FLT-08", "FLT-09")
RIGHT = """
import contextlib
import errno
import json
import os
import sys

class Implementation:
    count = 0

    def write(self, path, status):
        self.replace(path, json.dumps(status))

    def replace(self, path, text):
        Implementation.count += 1
        temp = f"{path}.{self.count}.tmp"
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                os.write(descriptor, text.encode())
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

Judge = Callable[..., FakeSystemReport]


@pytest.fixture
def report_on(tmp_path: Path) -> Judge:
    """Run an implementation, given as source, on a fake system. Returns the report."""

    def make(source: str, system: str = "linux", profile: str = "pulse") -> FakeSystemReport:
        (tmp_path / "tiny.py").write_text(source, encoding="utf-8")
        words = ["-m", "conformance.fakefs", str(tmp_path), "tiny:Implementation", profile, system]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
        return read_report(done.stdout)

    return make


def broken(report: FakeSystemReport) -> set[str]:
    """The clauses that an injection of the report breaks."""
    return {
        clause
        for clause in CLAUSES
        for injection in report.injections
        if concerns(clause, injection) and judge(clause, injection) is not None
    }


def with_change(old: str, new: str) -> str:
    assert RIGHT.count(old) == 1
    return RIGHT.replace(old, new)


# A right implementation


@pytest.mark.parametrize("profile", ["pulse", "replace"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_right_implementation_breaks_nothing_anywhere(report_on: Judge, system: str, profile: str) -> None:
    report = report_on(RIGHT, system, profile)
    assert (report.system, report.problem) == (system, "")
    assert report.calls == ("open", "write", "fsync", "close", "rename")
    assert broken(report) == set()
    assert report.bystander_survived is True
    for found, error in ((report.disk_full, errno.ENOSPC), (report.read_only, errno.EACCES)):
        if found is None:
            assert (system, error) == ("windows", errno.EACCES)  # folders have no such bit there
            continue
        assert (found.answer, found.answered_error, found.target, found.next_write) == (
            "io",
            error,
            "old",
            "ok",
        )
        assert all(judge(clause, found) is None for clause in ("FLT-01", "FLT-02", "FLT-03"))


def test_every_call_fails_with_each_of_its_errors_and_with_an_interrupt(report_on: Judge) -> None:
    report = report_on(RIGHT)
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


@pytest.mark.parametrize("source", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_calls_made_through_other_modules_are_seen_and_right_ways_break_nothing(report_on: Judge, source: str) -> None:
    report = report_on(source)
    assert report.problem == ""
    assert {"open", "write", "close", "rename"} <= set(report.calls)
    assert broken(report) == set()


# Ways to be wrong, and exactly the clauses that notice

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
        {"FLT-02", "FLT-09"},
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


@pytest.mark.parametrize(("source", "clauses"), WRONG.values(), ids=WRONG)
def test_a_wrong_implementation_is_caught_by_the_clauses_about_it(
    report_on: Judge, source: str, clauses: set[str]
) -> None:
    report = report_on(source)
    assert report.problem == ""
    assert broken(report) == clauses


def test_without_an_error_of_a_fake_call_no_clause_is_asked_about(report_on: Judge) -> None:
    # A file object around a descriptor opens nothing, so nothing is injected there.
    report = report_on(OTHER_WAYS["tempfile and the mode of the target"])
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


@pytest.mark.parametrize(("source", "survived"), BYSTANDERS.values(), ids=BYSTANDERS)
def test_a_file_that_takes_the_temps_name_after_the_replace(
    report_on: Judge, source: str, survived: bool | None
) -> None:
    assert report_on(source).bystander_survived is survived


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_a_disk_that_is_full_and_a_folder_that_is_read_only_show_their_wrong_ways(
    report_on: Judge, system: str
) -> None:
    report = report_on(WRONG["no clean-up"][0], system)
    assert report.disk_full is not None
    assert report.disk_full.left != ()
    in_place = report_on(WRONG["in place"][0], system)
    assert in_place.read_only is not None
    assert (in_place.read_only.answer, in_place.read_only.target) == ("ok", "new")


# What cannot be judged says why


@pytest.mark.parametrize(("system", "platform"), [("linux", "linux"), ("macos", "darwin"), ("windows", "win32")])
def test_an_implementation_is_imported_and_made_as_if_on_that_system(
    report_on: Judge, system: str, platform: str
) -> None:
    source = f"import sys\nif sys.platform == {platform!r}:\n    raise ImportError('no such module here')\n{RIGHT}"
    report = report_on(source, system)
    assert report.problem == f"cannot be imported as if on {system}: ImportError: no such module here"
    assert report.injections == ()
    assert report_on(source, "windows" if system == "linux" else "linux").problem == ""


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def Implementation(:", "cannot be imported as if on linux: SyntaxError: "),
        ("", "cannot be imported as if on linux: AttributeError: "),
        (
            with_change("        Implementation.count += 1\n", "        raise OSError(5, 'always')\n"),
            "does not run on pyfakefs's linux: OSError: [Errno 5] always",
        ),
        (
            "class Implementation:\n    def write(self, path, status):\n        pass\n",
            "answers ok, but the target does not change",
        ),
    ],
)
def test_what_does_not_run_without_a_fault_cannot_be_judged(report_on: Judge, source: str, problem: str) -> None:
    report = report_on(source)
    assert report.problem.startswith(problem)
    assert (report.system, report.calls, report.injections) == ("linux", (), ())


def test_a_report_is_read_as_it_was_written() -> None:
    injection = Injection(
        "interrupt", "open", 0, 0, False, True, "old", "interrupt", 0, "", "old", False, ("a.tmp",), 1, "ok"
    )
    report = FakeSystemReport("linux", "", ("open", "close"), (injection,), injection, None, True)
    assert read_report(json.dumps(dataclasses.asdict(report))) == report
    empty = FakeSystemReport("windows", "cannot be imported")
    assert read_report(json.dumps(dataclasses.asdict(empty))) == empty
