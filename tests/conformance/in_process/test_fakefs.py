"""Implementations on a fake Linux, macOS and Windows: what only a fake system can show.

Each report is made by a process of its own, as in a run of the suite.
"""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.in_process.enumeration import InProcessReport
from conformance.in_process.fakefs import SYSTEMS, quick_functions
from conformance.mutation.registry import entry_of, folder_of
from conformance.oracle.faults import judge

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
IN_PLACE = """
import json

class Implementation:
    def write(self, path, status):
        with open(path, "w") as file:
            file.write(json.dumps(status))
"""

Judge = Callable[..., InProcessReport]


@pytest.fixture
def report_on(tmp_path: Path) -> Judge:
    """Runs an implementation, given as source, on a fake system, and returns the report."""

    def make(source: str, system: str = "linux", profile: str = "pulse") -> InProcessReport:
        (tmp_path / "tiny.py").write_text(source, encoding="utf-8")
        words = ["-m", "conformance.in_process.fakefs", str(tmp_path), "tiny:Implementation", profile, system]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
        return InProcessReport.from_json(done.stdout)

    return make


def with_change(old: str, new: str) -> str:
    assert CORRECT.count(old) == 1
    return CORRECT.replace(old, new)


MADE_THEN_OPENED = """
import json
import os

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            descriptor = os.open(temp, os.O_WRONLY)
            try:
                os.write(descriptor, json.dumps(status).encode())
            finally:
                os.close(descriptor)
            os.replace(temp, path)
        except BaseException:
            os.unlink(temp)
            raise
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_close_of_a_file_that_nothing_was_written_to_has_no_error_to_give(report_on: Judge, system: str) -> None:
    report = report_on(MADE_THEN_OPENED, system)
    assert report.calls == ("open", "close", "open", "write", "close", "rename")
    failing = {injection.position for injection in report.injections if injection.what != "interrupt"}
    assert failing == {0, 2, 3, 4, 5}
    assert {injection.position for injection in report.injections if injection.what == "interrupt"} == set(range(6))


@pytest.mark.parametrize("profile", ["pulse", "replace"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_correct_writer_runs_everywhere_and_fails_cleanly(report_on: Judge, system: str, profile: str) -> None:
    report = report_on(CORRECT, system, profile)
    assert (report.system, report.problem) == (system, "")
    assert report.calls == ("open", "write", "fsync", "close", "rename")
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


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_a_full_disk_and_a_read_only_folder_expose_wrong_writers(report_on: Judge, system: str) -> None:
    report = report_on(with_change("                os.unlink(temp)\n", "                pass\n"), system)
    assert report.disk_full is not None
    assert report.disk_full.left != ()
    in_place = report_on(IN_PLACE, system)
    assert in_place.read_only is not None
    assert (in_place.read_only.answer, in_place.read_only.target) == ("ok", "new")


# What cannot be judged, and the reason given


@pytest.mark.parametrize(("system", "platform"), [("linux", "linux"), ("macos", "darwin"), ("windows", "win32")])
def test_an_implementation_is_imported_and_made_as_if_on_that_system(
    report_on: Judge, system: str, platform: str
) -> None:
    source = f"import sys\nif sys.platform == {platform!r}:\n    raise ImportError('no such module here')\n{CORRECT}"
    report = report_on(source, system)
    assert report.problem == f"cannot be imported as if on {system}: ImportError: no such module here"
    assert report.injections == ()
    assert report_on(source, "windows" if system == "linux" else "linux").problem == ""


@pytest.mark.skipif(sys.platform == "win32", reason="os.name is that of Windows")
def test_what_asks_for_the_name_of_the_system_is_not_said_to_fail_on_windows(report_on: Judge) -> None:
    synced = "        import os\n        os.close(os.open(os.path.dirname(path), os.O_RDONLY))\n"
    asked = synced.replace("        os.close", "        if os.name != 'nt':\n            os.close")
    problem = report_on(with_change("        Implementation.count += 1\n", asked), "windows").problem
    assert problem.startswith("cannot be judged on pyfakefs's windows, where os.name stays 'posix' (code that asks it ")
    assert "PermissionError: " in problem


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


@pytest.mark.parametrize(("kind", "name"), [("variant", "plain"), ("mutant", "no-folder-fsync")])
@pytest.mark.parametrize("system", ["windows", "macos", "linux"])
def test_mutants_and_variants_run_as_if_on_each_system(kind: str, name: str, system: str) -> None:
    """The honest base must be imported as if there, and what it needs of the kit must have been imported before."""
    arguments = [str(folder_of(kind)), entry_of(kind, name).callable, "pulse", system]
    done = subprocess.run(
        [sys.executable, "-m", "conformance.in_process.fakefs", *arguments], capture_output=True, text=True, timeout=120
    )
    assert InProcessReport.from_json(done.stdout).problem == ""


@pytest.mark.parametrize("path", ["name", b"name", Path("name"), type("Text", (str,), {})("name")], ids=repr)
def test_the_quick_functions_of_pyfakefs_return_what_the_usual_ones_do(path: object) -> None:
    quick = list(quick_functions())
    assert {name for _, name, _ in quick} == {"make_string_path", "matching_string"}
    for module, name, function in quick:
        usual = getattr(module, name)
        for arguments in [(path,)] if name == "make_string_path" else [(path, "/"), (path, None)]:
            assert (function(*arguments), type(function(*arguments))) == (usual(*arguments), type(usual(*arguments)))
