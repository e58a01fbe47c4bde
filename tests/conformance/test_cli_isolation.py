"""The run writes only where it may, and neither the user's pytest nor a crash of the kit makes a verdict."""

from __future__ import annotations

import compileall
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.reporting.results import read_results

Command = Callable[..., subprocess.CompletedProcess[str]]
Copy = tuple[Path, dict[str, str]]


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its path and what it holds; folders too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_is_written_outside_the_run_s_folder_and_the_report(
    conformance_command: Command, adapters: Path, package_copy: Copy, tmp_path: Path, workers: int
) -> None:
    """An implementation of each kind of case: in process, in processes of its own, and by search."""
    package, environment = package_copy
    home, temporary, mine = tmp_path / "home", tmp_path / "temporary", tmp_path / "mine"
    for folder in (home, temporary, mine):
        folder.mkdir()
    (mine / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
    (mine / "implementation.toml").write_text(
        '[implementation]\nname = "bytes"\nlanguage = "python"\nprofile = "replace"\nroles = ["writer"]\n'
        'mode = "python"\ncallable = "in_process:Bytes"\nsetup = [["{python}", "-c", "open(\'made\', \'w\')"]]\n',
        encoding="utf-8",
    )
    # Not PYTHONDONTWRITEBYTECODE: what the kit itself writes is the question. Python's own cache of the kit's modules
    # is made before.
    environment = {
        **environment,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
    }
    assert compileall.compile_dir(package, quiet=1)
    before = contents(tmp_path)
    done = conformance_command(
        *("--impl", mine, "-n", workers, "--report", tmp_path / "report"),
        *("--clause", "FLT-04", "--clause", "CON-03", "--clause", "MET-07"),
        environment=environment,
    )
    assert done.returncode == 1, done.stderr  # it writes in place
    after = contents(tmp_path)
    assert {name for name in after if name.split(os.sep)[0] == "report"} == {
        *("report", os.path.join("report", "results.jsonl"), os.path.join("report", "badge.json")),
        *(os.path.join("report", name) for name in ("junit.xml", "report.html", "report.md")),
    }
    assert {name: content for name, content in after.items() if name.split(os.sep)[0] != "report"} == before


def test_what_surrounds_the_package_changes_nothing(
    conformance_command: Command, misbehaving: Callable[..., Path], package_copy: Copy
) -> None:
    """Options and plugins for the user's own tests, and a conftest.py in a folder above the kit's."""
    package, environment = package_copy
    (package.parent / "conftest.py").write_text("raise RuntimeError('not for the kit')\n", encoding="utf-8")
    done = conformance_command(
        *("--impl", misbehaving(), "--clause", "DOC-03", "-n", 2),
        environment={
            **environment,
            "PYTEST_ADDOPTS": "--collect-only",
            "PYTEST_PLUGINS": "no_such_plugin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "clauses selected: passed" in done.stdout


class TestCrashOfTheKit:
    """Never a pass, and never the implementation's fault."""

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_module_of_the_suite_that_cannot_be_imported(
        self,
        conformance_command: Command,
        misbehaving: Callable[..., Path],
        package_copy: Copy,
        tmp_path: Path,
        workers: int,
    ) -> None:
        package, environment = package_copy
        (package / "suite" / "test_broken.py").write_text("raise RuntimeError('a mistake')\n", encoding="utf-8")
        report = tmp_path / "report"
        done = conformance_command(
            *("--impl", misbehaving(), "--clause", "DOC-03", "-n", workers, "--report", report),
            environment=environment,
        )
        assert done.returncode == 4
        said = done.stderr if workers == 0 else done.stdout
        assert said.count("test_broken.py cannot be collected") == 1
        assert "RuntimeError: a mistake" in said
        footer = read_results(report / "results.jsonl")[2]
        assert footer is None or footer["verdict"] == "inconclusive"

    def test_a_case_without_a_clause(
        self, conformance_command: Command, misbehaving: Callable[..., Path], package_copy: Copy
    ) -> None:
        package, environment = package_copy
        (package / "suite" / "test_unmarked.py").write_text("def test_nothing(): ...\n", encoding="utf-8")
        done = conformance_command(*("--impl", misbehaving(), "--clause", "DOC-03", "-n", 0), environment=environment)
        assert done.returncode == 4
        assert "has no clause mark" in done.stderr

    @pytest.mark.parametrize(
        ("body", "says"),
        [("raise ZeroDivisionError('a mistake')", "ZeroDivisionError: a mistake"), ("pytest.fail('x')", "Failed: x")],
    )
    def test_an_exception_in_a_case(
        self,
        conformance_command: Command,
        misbehaving: Callable[..., Path],
        package_copy: Copy,
        tmp_path: Path,
        body: str,
        says: str,
    ) -> None:
        package, environment = package_copy
        (package / "suite" / "test_broken.py").write_text(
            f"import pytest\n@pytest.mark.clause('DOC-03')\ndef test_broken(case):\n    {body}\n", encoding="utf-8"
        )
        report = tmp_path / "report"
        done = conformance_command(
            *("--impl", misbehaving(), "--clause", "DOC-03", "-n", 0, "--report", report), environment=environment
        )
        assert done.returncode == 4
        assert "INCONCLUSIVE" in done.stdout
        _, results, footer = read_results(report / "results.jsonl")
        [error] = [result for result in results if result["case"] == "broken"]
        assert (error["outcome"], error["blame"], error["message"]) == ("error", "kit", says)
        assert "test_broken.py" in error["evidence"]["traceback"]
        assert footer is not None
        assert (footer["verdict"], footer["exit"]) == ("inconclusive", 4)

    def test_a_worker_that_is_killed(
        self,
        conformance_command: Command,
        misbehaving: Callable[..., Path],
        package_copy: Copy,
        tmp_path: Path,
        traces: Path,
        eventually: Callable[[Callable[[], object], str], None],
        gone: Callable[[int], bool],
    ) -> None:
        """Its implementation, and what that has started, end with the run."""
        package, environment = package_copy
        (package / "suite" / "test_broken.py").write_text(
            "import os, pathlib, pytest\n"
            "@pytest.mark.clause('DOC-03')\n"
            "def test_broken(case):\n"
            "    case.publish(case.target, {'status': 'idle'})\n"
            f"    pathlib.Path({str(traces)!r}, 'implementation').write_text(str(case.implementation.pid))\n"
            "    os._exit(9)\n",
            encoding="utf-8",
        )
        report = tmp_path / "report"
        done = conformance_command(
            *("--impl", misbehaving(), "--clause", "DOC-03", "-n", 2, "--report", report), environment=environment
        )
        assert done.returncode == 4
        assert "a process of the kit ended in" in done.stdout
        assert "test_broken" in done.stdout
        _, results, footer = read_results(report / "results.jsonl")
        assert {result["case"] for result in results} == {
            f"status:{name}" for name in ("idle", "running", "done", "error")
        }
        assert len(results) == 4
        assert footer is not None
        assert footer["verdict"] == "inconclusive"
        pid = int((traces / "implementation").read_text())
        eventually(lambda: gone(pid), "the implementation of the killed worker ends")
