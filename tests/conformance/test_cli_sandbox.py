"""``--sandbox``: hostile implementations reach nothing, honest ones are judged as they are without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.subject.sandbox import Sandbox, require_means, require_to_start

if sys.platform != "linux":
    pytest.skip("only Linux has the namespaces of the sandbox", allow_module_level=True)

Command = Callable[..., subprocess.CompletedProcess[str]]
ONE_CASE = ("--clause", "DOC-03", "--case", "status:done", "-n", "0")
# One of each engine: in process, traced, untraced, with faults by mounts and limits, and under load.
SEVERAL = ("--clause", "MET-0[123]", "--clause", "VIS-0[26]", "--clause", "FLT-04", "--clause", "PWR-01", "--quick")

# It does on each start and each write what it may not; and writes like the reference.
HOSTILE = """
import os, socket
from pathlib import Path
from pulse.serve import Reference

def attack(name):
    for where in OUTSIDE, "/dev/shm":
        try:
            Path(where, name).write_text("x")
        except OSError:
            pass
    try:
        Path(os.environ["HOME"], name).write_text(Path(OUTSIDE, "secret").read_text())
    except OSError:
        pass
    else:
        raise SystemExit("it has read the secret")

class Implementation(Reference):
    def __init__(self):
        attack("at-start")
        super().__init__()

    def write(self, path, status):
        attack("at-write")
        return super().write(path, status)
"""

LEAVING = """
import os, subprocess
from pathlib import Path
from pulse.serve import Reference

class Implementation(Reference):
    def write(self, path, status):
        done = Path.home() / "done"
        if not done.exists():
            done.touch()
            none = subprocess.DEVNULL
            subprocess.Popen(["sleep", "7654321"], stdin=none, stdout=none, stderr=none, start_new_session=True)
        return super().write(path, status)
"""


@pytest.fixture(scope="module", autouse=True)
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips the tests where no sandbox can be made."""
    folder = tmp_path_factory.mktemp("work")
    try:
        require_means((), None)
        require_to_start(Sandbox(folder, (folder,)).prefix((folder,)), folder, dict(os.environ))
    except ManifestError as error:
        pytest.skip(str(error))


@pytest.fixture
def in_python(make_manifest: Callable[..., Path]) -> Callable[..., Path]:
    """The manifest of an implementation of mode ``python`` with this source."""

    def make(source: str, *, setup: list[list[str]] | None = None, more: str = "", **constants: object) -> Path:
        manifest = make_manifest(mode="python", entry_point="hostile:Implementation", setup=setup, more=more)
        head = "".join(f"{name} = {str(value)!r}\n" for name, value in constants.items())
        (manifest.parent / "hostile.py").write_text(head + source, encoding="utf-8")
        return manifest

    return make


def outcomes(report: Path) -> dict[tuple[str, str], str]:
    lines = map(json.loads, (report / "results.jsonl").read_text(encoding="utf-8").splitlines())
    return {(line["clause"], line["case"]): line["outcome"] for line in lines if line["type"] == "result"}


def test_an_implementation_reaches_nothing_outside(
    conformance_command: Command, in_python: Callable[..., Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret", encoding="utf-8")
    manifest = in_python(HOSTILE, OUTSIDE=outside)
    inside = conformance_command("--impl", manifest, "--sandbox", *ONE_CASE)
    assert inside.returncode == 0, inside.stdout + inside.stderr
    assert os.listdir(outside) == ["secret"]
    assert not Path("/dev/shm/at-start").exists()
    without = conformance_command("--impl", manifest, *ONE_CASE)
    assert without.returncode == 3
    assert "it has read the secret" in without.stderr
    assert sorted(os.listdir(outside)) == ["at-start", "secret"]
    Path("/dev/shm/at-start").unlink()


def test_outcomes_are_the_same_with_and_without(conformance_command: Command, tmp_path: Path) -> None:
    reports = {option: tmp_path / f"report{option}" for option in ("", "--sandbox")}
    for option, report in reports.items():
        done = conformance_command(*filter(None, [option]), "--seed", "1", "--report", report, *SEVERAL)
        assert done.returncode == 0, done.stdout + done.stderr
    without, inside = map(outcomes, reports.values())
    assert inside == without
    assert {"pass"} <= {*inside.values()}


def test_what_it_leaves_running_is_ended_and_said(conformance_command: Command, in_python: Callable[..., Path]) -> None:
    done = conformance_command("--impl", in_python(LEAVING), "--sandbox", *ONE_CASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning: 1 process was left running: sleep 7654321" in done.stdout


def test_set_up_commands_are_in_the_sandbox_and_share_its_home_folder(
    conformance_command: Command, in_python: Callable[..., Path], tmp_path: Path
) -> None:
    first = (
        f"import os, pathlib; assert not os.path.exists({str(tmp_path / 'outside')!r}); pathlib.Path('made').touch()"
    )
    second = "import pathlib; assert pathlib.Path('made').exists(); pathlib.Path.home().joinpath('cache').touch()"
    (tmp_path / "outside").mkdir()
    setup = [["{python}", "-c", first], ["{python}", "-c", second]]
    source = "from pathlib import Path\nassert Path.home().joinpath('cache').exists()\n"
    source += "from pulse.serve import Reference as Implementation\n"
    done = conformance_command("--impl", in_python(source, setup=setup), "--sandbox", *ONE_CASE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_links_lead_to_is_not_copied_for_the_set_up_and_nothing_is_kept(
    conformance_command: Command, in_python: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit may read what the implementation may not, and would copy it to where the implementation may."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("key", encoding="utf-8")
    source = "import os\nassert not os.path.exists('folder') and not os.path.exists('key')\n"
    source += "assert open('beside.py').read() == ''\nfrom pulse.serve import Reference as Implementation\n"
    manifest = in_python(source, setup=[["{python}", "-c", "pass"]], more="keep_setup = true")
    (manifest.parent / "own.py").touch()
    for name, to in (("folder", secret), ("key", secret / "key"), ("beside.py", "own.py")):
        (manifest.parent / name).symlink_to(to)
    inside = conformance_command("--impl", manifest, "--sandbox", *ONE_CASE)
    assert inside.returncode == 0, inside.stdout + inside.stderr
    assert not (tmp_path / "cache").exists()
    without = conformance_command("--impl", manifest, *ONE_CASE)
    assert without.returncode == 3
    assert "AssertionError" in without.stderr


def test_a_manifest_does_not_choose_what_it_is_shown(
    conformance_command: Command, make_manifest: Callable[..., Path], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    program = secret / "program"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    manifest = make_manifest([str(program), str(secret)])
    inside = conformance_command("--impl", manifest, "--sandbox", *ONE_CASE)
    assert inside.returncode == 3
    assert f"{program}: No such file or directory, in the sandbox" in inside.stderr


def test_more_folders_are_shown_when_they_are_named(
    conformance_command: Command, in_python: Callable[..., Path], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "needed.py").write_text("", encoding="utf-8")
    source = (
        "import sys\nsys.path.append(LIBRARY)\nimport needed\nfrom pulse.serve import Reference as Implementation\n"
    )
    manifest = in_python(source, LIBRARY=library)
    hidden = conformance_command("--impl", manifest, "--sandbox", *ONE_CASE)
    assert hidden.returncode == 3
    assert "it ran in the sandbox: what it needs beside its own folder, --sandbox-read FOLDER shows it" in hidden.stderr
    shown = conformance_command("--impl", manifest, "--sandbox-read", library, *ONE_CASE)
    assert shown.returncode == 0, shown.stdout + shown.stderr


def test_a_failure_is_repeated_in_the_sandbox(conformance_command: Command, tmp_path: Path) -> None:
    options = ("--impl", "mutant:truncate-in-place", "--sandbox", "--sandbox-read", tmp_path)
    done = conformance_command(*options, "--clause", "VIS-01", "-x", "-n", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"--sandbox --sandbox-read {tmp_path}" in done.stdout


def test_where_no_namespaces_are_to_be_had_it_says_so() -> None:
    """As in most containers: neither mount namespaces, for want of CAP_SYS_ADMIN, nor user namespaces."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs util-linux's setpriv")
    script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
    without = (setpriv, "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    words = ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", *without)
    command = (sys.executable, "-m", "conformance.cli", "--sandbox", *ONE_CASE)
    done = subprocess.run([*words, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "--sandbox: it cannot be made here: namespaces are not allowed" in done.stderr
    assert "run it as root, or allow user namespaces" in done.stderr
    assert done.stderr.count("\n") == 1
