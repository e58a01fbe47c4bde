"""The repro by itself: no kit to import, an empty environment, a broken writer that it shows and a correct one."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import pulse
from conformance.commands.report_bug.plan import planned
from conformance.commands.report_bug.write import write_bug_report
from conformance.contract.manifest import Manifest
from conformance.reporting.results import Header, Result

HEADER = Header("1.0", {"name": "x", "version": "1"}, {"system": "linux"}, "ext4", "3.13", 1, {})
CASES = {
    "sync-before-rename": Result("PWR-01", "every_disk_state_is_old_or_new:replace", "fail", "empty"),
    "failed-rename": Result(
        "FLT-06", "fault_at_every_operation:FLT-06-replace", "fail", "replace:5:rename:EXDEV: wrote it in place"
    ),
    "folder-cannot-be-synced": Result(
        "PWR-02",
        "folder_that_cannot_be_synced_is_no_error:replace",
        "fail",
        "replace:9:sync-folder:EINVAL: answered io",
    ),
    "mode-is-kept": Result("MET-01", "mode_is_kept:0640", "fail", "0644"),
    "new-mode": Result("MET-02", "new_file_honours_umask:0027", "fail", "0644"),
    "full-disk": Result("FLT-10", "full_disk:disk-full", "fail", "torn"),
}
ALONE = ["unshare", "--mount", *([] if getattr(os, "geteuid", int)() == 0 else ["--map-root-user"])]
# The interpreter that the environment of the tests was made with, without the packages that are installed there.
PYTHON = [getattr(sys, "_base_executable", sys.executable), "-S"]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def possible() -> bool:
    """Whether this machine has what an empty environment and the repro need."""
    if not (sys.platform == "linux" and shutil.which("strace") and shutil.which("unshare")):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not possible(), reason="needs Linux, strace, and namespaces")


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [*ALONE, *PYTHON, *options, "repro.py"]
    return subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False)


def a_report(folder: Path, check: str, manifest: Manifest) -> Path:
    (report,) = planned([CASES[check]])
    write_bug_report(folder / report.name, report, HEADER, manifest)
    return folder / report.name


@pytest.fixture
def broken(tmp_path: Path) -> Manifest:
    """The usual shell script: no sync, `mv` copies after a failed rename, and a full disk leaves the temp."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "save").write_text('#!/bin/sh\ncat > "$2.tmp" && mv "$2.tmp" "$2"\n', encoding="utf-8")
    (folder / "save").chmod(0o755)
    return Manifest("mine", "shell", "replace", ("writer",), "oneshot", folder, "mine", ("./save",))


@pytest.fixture
def correct(tmp_path: Path) -> Manifest:
    """The reference, which lies in the folder of its manifest, as a library would be installed there."""
    folder = tmp_path / "reference"
    here = Path(pulse.__file__).parent
    shutil.copytree(here, folder / "pulse", ignore=shutil.ignore_patterns("__pycache__", "panel"))
    shutil.copytree(here / "panel", folder / "pulse" / "panel", ignore=shutil.ignore_patterns("__pycache__"))
    return Manifest(
        "pulse", "python", "pulse", ("writer",), "python", folder, "reference", callable="pulse.serve:Reference"
    )


def test_the_environment_is_empty(tmp_path: Path) -> None:
    words = [*ALONE, *PYTHON, "-c", "import conformance"]
    done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("sync-before-rename", "no fsync of status.json.tmp between its last write and the rename"),
        ("failed-rename", "failed with EXDEV, the target is new (answer: ok)"),
        ("full-disk", "this is left in the folder: ['status.json.tmp']"),
        ("mode-is-kept", "the mode was 0640 and is 0644"),
    ],
)
def test_the_failure_of_a_broken_writer_is_shown(tmp_path: Path, broken: Manifest, check: str, said: str) -> None:
    done = run(a_report(tmp_path, check, broken))
    assert (done.returncode, said in done.stdout) == (1, True), (done.stdout, done.stderr)


@pytest.mark.parametrize(
    "words", [("sh", "-c", 'cat > "$1.tmp" && mv "$1.tmp" "$1"', "sh", "{path}"), ("cp", "{input}", "{path}")]
)
def test_the_failure_of_a_command_without_a_manifest_is_shown(
    tmp_path: Path, broken: Manifest, words: tuple[str, ...]
) -> None:
    manifest = replace(broken, source=f"command:{shlex.join(words)}", command=words)
    folder = a_report(tmp_path, "sync-before-rename", manifest)
    assert list((folder / "program").iterdir()) == []
    done = run(folder)
    assert (done.returncode, "no fsync of" in done.stdout or "opened" in done.stdout) == (1, True), done


def test_a_writer_that_fails_where_a_folder_cannot_be_synced_is_shown(tmp_path: Path, broken: Manifest) -> None:
    save = '#!/bin/sh\nset -e\ncat > "$2.tmp"\nsync "$2.tmp"\nmv "$2.tmp" "$2"\nsync "${2%/*}"\n'
    (broken.folder / "save").write_text(save, encoding="utf-8")
    folder = a_report(tmp_path, "folder-cannot-be-synced", broken)
    done = run(folder)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "the target is new, the answer: exit code 1" in done.stdout
    assert "each write is reported as failed" in (folder / "ISSUE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", CASES)
def test_a_correct_writer_passes(tmp_path: Path, correct: Manifest, check: str) -> None:
    folder = a_report(tmp_path, check, correct)
    done = run(folder)
    assert (done.returncode, done.stdout) == (0, "it does not happen here\n"), done.stderr
    assert list(folder.rglob("__pycache__")) == []  # the folder is to be attached


@pytest.mark.parametrize("to", [".", "bug-reports"])
def test_reports_in_the_programs_own_folder_are_no_part_of_the_program(broken: Manifest, to: str) -> None:
    """The manifest of a project often lies at its root, where `pulse report-bug` is called."""
    reports = [a_report(broken.folder / to, check, broken) for check in ("failed-rename", "mode-is-kept", "full-disk")]
    assert [sorted(path.name for path in (report / "program").iterdir()) for report in reports] == [["save"]] * 3


def test_torn_bytes_are_kept(tmp_path: Path, broken: Manifest) -> None:
    (broken.folder / "save").write_text('#!/bin/sh\ncat > "$2"\n', encoding="utf-8")
    folder = a_report(tmp_path, "full-disk", broken)
    done = run(folder)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "the target is torn: " in done.stdout
    assert (folder / "torn.bin").read_bytes().startswith(b"20000 xxx")


def test_a_program_that_cannot_be_started_is_no_failure(tmp_path: Path, broken: Manifest) -> None:
    done = run(a_report(tmp_path, "sync-before-rename", replace(broken, mode="serve", command=("./gone",))))
    assert done.returncode == 2
    assert "this machine cannot tell: the program cannot be started" in done.stderr


def test_a_set_up_runs_once(tmp_path: Path, broken: Manifest) -> None:
    setup = (("sh", "-c", "echo x >> built"),)
    folder = a_report(tmp_path, "failed-rename", replace(broken, setup=setup))
    assert [run(folder).returncode for _ in range(2)] == [1, 1]
    assert (folder / "program" / "built").read_text() == "x\n"
    assert json.loads((folder / "subject.json").read_text())["setup"] == [["sh", "-c", "echo x >> built"]]


def test_a_copy_without_the_files_beside_it_is_no_failure(tmp_path: Path, broken: Manifest) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    shutil.copy(a_report(tmp_path, "failed-rename", broken) / "repro.py", folder)
    done = run(folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the repro itself failed: ModuleNotFoundError: No module named 'checks'\n" in done.stderr
    assert "repro.py needs the files that it came with, beside it\n" in done.stderr


def test_an_isolated_interpreter_finds_the_files_beside_it(tmp_path: Path, broken: Manifest) -> None:
    done = run(a_report(tmp_path, "failed-rename", broken), "-I")
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("name", ["answers.py", "building.py", "checks.py", "driver.py"])
@pytest.mark.parametrize("line", ["1 / 0", "import nothing_of_this_name", "def ("])
def test_a_broken_repro_is_no_failure(tmp_path: Path, broken: Manifest, name: str, line: str) -> None:
    folder = a_report(tmp_path, "failed-rename", broken)
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = run(folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"/{name}" in done.stderr  # the traceback
    assert "the repro itself failed: " in done.stderr


@pytest.mark.parametrize("check", ["failed-rename", "readers"])
def test_a_repro_that_fails_in_the_middle_is_no_failure(tmp_path: Path, broken: Manifest, check: str) -> None:
    folder = a_report(tmp_path, "failed-rename", broken)
    subject = json.loads((folder / "subject.json").read_text("utf-8"))
    del subject["command"]
    (folder / "subject.json").write_text(json.dumps({**subject, "check": check}), encoding="utf-8")
    done = run(folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("the repro itself failed: KeyError: 'command'\n")


def test_a_full_disk_that_cannot_be_made_is_no_failure(tmp_path: Path, broken: Manifest) -> None:
    folder = a_report(tmp_path, "full-disk", broken)
    refuses = tmp_path / "bin" / "unshare"
    refuses.parent.mkdir()
    refuses.write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n", encoding="utf-8")
    refuses.chmod(0o755)
    path = {"PATH": f"{refuses.parent}:{ENVIRONMENT['PATH']}"}
    words = [*PYTHON, "repro.py"]
    done = subprocess.run(words, cwd=folder, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "this machine cannot tell: no file system can be mounted" in done.stderr


def test_a_module_that_the_program_lacks_is_no_failure(tmp_path: Path) -> None:
    folder = tmp_path / "lacking"
    folder.mkdir()
    text = "class Lacking:\n    def replace(self, path, text):\n        import nothing_of_this_name\n"
    (folder / "lacking.py").write_text(text, encoding="utf-8")
    lacking = Manifest("x", "python", "replace", ("writer",), "python", folder, "x", callable="lacking:Lacking")
    done = run(a_report(tmp_path, "mode-is-kept", lacking))
    assert (done.returncode, done.stdout) == (2, "")
    assert "this machine cannot tell: the program lacks something: ModuleNotFoundError" in done.stderr


def test_an_interrupted_repro_ends_as_other_programs_do(tmp_path: Path, broken: Manifest) -> None:
    setup = (("sh", "-c", "kill -INT $PPID; exec sleep 60"),)
    done = run(a_report(tmp_path, "failed-rename", replace(broken, setup=setup)))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.fixture
def built(tmp_path: Path, broken: Manifest) -> Path:
    """A report of the broken writer, whose source is save.in: the build makes of it what is run, and counts itself."""
    (broken.folder / "save").rename(broken.folder / "save.in")
    build = "mkdir -p out; cp save.in out/save; chmod +x out/save; echo x >> out/builds; echo x >> save.lock"
    setup = (("sh", "-c", build),)
    return a_report(tmp_path, "failed-rename", replace(broken, command=("./out/save",), setup=setup))


def builds(folder: Path) -> int:
    return len((folder / "program" / "out" / "builds").read_text().split())


def test_a_source_that_is_corrected_is_built_again(built: Path) -> None:
    assert run(built).returncode == 1
    rename = f'{PYTHON[0]} -S -c "import os, sys; os.rename(*sys.argv[1:])"'
    corrected = f'#!/bin/sh\ncat > "$2.tmp"\n{rename} "$2.tmp" "$2" || {{ rm "$2.tmp"; exit 1; }}\n'
    (built / "program" / "save.in").write_text(corrected, encoding="utf-8")
    done = [run(built) for _ in range(2)]
    assert [each.returncode for each in done] == [0, 0], done
    assert builds(built) == 2


def test_what_the_build_makes_is_no_source(built: Path) -> None:
    run(built)
    (built / "program" / "out" / "save").chmod(0o700)
    (built / "program" / "out" / "log").write_text("of something else")
    run(built)
    assert builds(built) == 1
    (built / "program" / "another.in").touch()
    run(built)
    assert builds(built) == 2


def test_other_commands_build_again(built: Path) -> None:
    run(built)
    text = (built / "subject.json").read_text()
    (built / "subject.json").write_text(text.replace("mkdir -p out", "mkdir -p ./out"))
    run(built)
    assert builds(built) == 2


def test_a_build_that_failed_is_made_again(built: Path) -> None:
    text = (built / "subject.json").read_text()
    (built / "subject.json").write_text(text.replace("mkdir -p out;", "mkdir -p out; test -e ../ready || exit 3;"))
    assert run(built).returncode == 2
    (built / "ready").touch()
    assert [run(built).returncode for _ in range(2)] == [1, 1]
    assert builds(built) == 1


STATUS = {"status": "running", "epoch": 2.0, "total_epochs": 3.0, "loss": 0.5, "message": "a", "timestamp": 5}
NAN = {**STATUS, "loss": {"$float": "NaN"}}


def asked(clause: str, case: str, status: dict[str, object]) -> Result:
    line = json.dumps({"op": "write", "path": "/tmp/pulse-conformance-x/cases/main-0/status.json", "status": status})
    return Result(clause, case, "fail", "wrong", evidence={"transcript": ["{cut … (500 bytes) → ok", f"{line} → ok"]})


ANSWERS = {
    "documents": (asked("DOC-04", "epoch:fraction", STATUS), "is written with epoch = '2' instead of 2.0"),
    "refusals": (asked("REF-03", "not_finite:loss-nan", NAN), "is answered ok"),
    "reads": (
        Result("RDR-05", "invalid:invalid-nan-epoch", "fail", "read"),
        "documents/invalid-nan-epoch.json is read",
    ),
}
# Integers for floats, and nothing is checked, neither what is written nor what is read.
CARELESS = """
import json

class Careless:
    def write(self, path, status):
        with open(path, "w") as file:
            json.dump({**status, "epoch": int(status["epoch"])}, file)

    def read(self, path):
        return json.load(open(path), parse_constant=lambda name: 0.0)
"""


@pytest.mark.parametrize("check", ANSWERS)
def test_what_was_answered_wrongly_is_asked_again(tmp_path: Path, check: str) -> None:
    folder = tmp_path / "careless"
    folder.mkdir()
    (folder / "careless.py").write_text(CARELESS, encoding="utf-8")
    careless = Manifest(
        "careless", "python", "pulse", ("writer", "reader"), "python", folder, "x", callable="careless:Careless"
    )
    result, said = ANSWERS[check]
    (report,) = planned([result])
    assert report.check is not None
    assert report.check.check == check
    write_bug_report(tmp_path / report.name, report, HEADER, careless)
    done = run(tmp_path / report.name)
    assert (done.returncode, said in done.stdout) == (1, True), (done.stdout, done.stderr)
    assert "1 of 1 requests" in done.stdout
    draft = (tmp_path / report.name / "ISSUE.md").read_text("utf-8")
    assert "strace" not in draft
    assert ("The last request, and what came back:" in draft) is (check != "reads")


@pytest.mark.parametrize("check", ANSWERS)
def test_a_correct_program_answers_as_it_has_to(tmp_path: Path, correct: Manifest, check: str) -> None:
    (report,) = planned([ANSWERS[check][0]])
    write_bug_report(tmp_path / report.name, report, HEADER, correct)
    done = run(tmp_path / report.name)
    assert (done.returncode, done.stdout) == (0, "it does not happen here\n"), done.stderr
