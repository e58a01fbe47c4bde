"""Before the first case: the run's folder, the set-up and the smoke stage; after the last one: nothing is left."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, ManifestError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.runner import run as runs
from conformance.runner import set_up
from conformance.runner.run import Run, RunPlan, prepare, tear_down
from conformance.subject.children import running, spawn


def read(path: Path) -> Manifest:
    return load_manifest(path, frozenset(load_clauses()), source=str(path))


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """The folder in which runs are made, empty."""
    folder = tmp_path / "parent"
    folder.mkdir()
    return folder


@pytest.fixture
def prepared(parent: Path) -> Iterator[Callable[..., Run]]:
    """Prepares a run of a manifest; it is torn down after the test."""
    runs_made: list[Run] = []

    def make(manifest: Path, **options: object) -> Run:
        runs_made.append(prepare(read(manifest), RunPlan(**{"seed": 1, "parent": parent, **options})))  # type: ignore[arg-type]  # by name
        return runs_made[-1]

    yield make
    for run in runs_made:
        tear_down(run.folder, run.own)


def python(code: str) -> list[str]:
    return ["{python}", "-c", code]


class TestPrepare:
    def test_makes_one_folder_and_passes_the_smoke_stage(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path], parent: Path
    ) -> None:
        run = prepared(misbehaving())
        assert list(parent.iterdir()) == [run.folder]
        assert run.about["name"] == "misbehaving"
        assert run.parent == parent
        assert running(run.launch_options().children) == []

    def test_what_is_the_kit_s_own_lies_where_no_implementation_works(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]
    ) -> None:
        run = prepared(misbehaving())
        assert run.private.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
        assert not run.private.is_relative_to(run.folder)
        assert not run.folder.is_relative_to(run.private)
        told = run.launch_options().child_environment()
        assert not [name for name, value in told.items() if str(run.private) in value]

    def test_limits_reach_what_is_started(self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]) -> None:
        run = prepared(misbehaving(), start_seconds=21.0, answer_seconds=22.0)
        launch_options = run.launch_options(umask=0o027)
        assert (launch_options.start_seconds, launch_options.answer_seconds) == (21.0, 22.0)
        assert launch_options.umask == 0o027
        assert launch_options.children.parent == launch_options.scratch.parent == run.folder

    def test_what_the_syscall_engine_visits(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]
    ) -> None:
        run = prepared(misbehaving(), point="*:sync:*", kills=7)
        assert (run.point, run.kills) == ("*:sync:*", 7)
        assert run.notes.names("") == []

    def test_a_parent_that_does_not_exist(self, misbehaving: Callable[..., Path], tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match="missing: cannot make the run's temporary folder there"):
            prepare(read(misbehaving()), RunPlan(seed=1, parent=tmp_path / "missing"))

    def test_without_a_parent_the_system_s_folder_is_used(
        self,
        prepared: Callable[..., Run],
        misbehaving: Callable[..., Path],
        monkeypatch: pytest.MonkeyPatch,
        parent: Path,
    ) -> None:
        monkeypatch.setenv("TMPDIR", str(parent))
        monkeypatch.setattr("tempfile.tempdir", str(parent))
        run = prepared(misbehaving(), parent=None)
        assert run.folder.parent == parent
        assert run.parent is None

    def test_a_bad_system_s_folder_is_named(
        self, misbehaving: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        with pytest.raises(ManifestError, match=r"missing: cannot make"):
            prepare(read(misbehaving()), RunPlan(seed=1))


class TestSmokeStage:
    @pytest.mark.parametrize("how", ["behave", "io", "unsupported", "die"])
    def test_whether_a_refusal_is_right_is_for_the_suite_to_judge(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path], how: str
    ) -> None:
        assert prepared(misbehaving(how, -1)).about["name"] == "misbehaving"

    def test_a_death_instead_of_a_refusal_is_for_the_suite_too(
        self, prepared: Callable[..., Run], make_manifest: Callable[..., Path]
    ) -> None:
        path = make_manifest(mode="python", entry_point="dying:Dying")
        (path.parent / "dying.py").write_text(
            "class Dying:\n"
            "    def write(self, path, status):\n"
            "        if status['status'] not in ('idle', 'running', 'done', 'error'):\n"
            "            raise RuntimeError\n",
            encoding="utf-8",
        )
        assert prepared(path).about["protocol"] == 1

    def test_a_refusal_in_profile_replace_is_a_folder_that_does_not_exist(
        self, prepared: Callable[..., Run], make_manifest: Callable[..., Path]
    ) -> None:
        path = make_manifest(mode="python", entry_point="refusing:Refusing", profile="replace")
        (path.parent / "refusing.py").write_text(
            "import os\n"
            "class Refusing:\n"
            "    def replace(self, path, text):\n"
            "        if not os.path.isdir(os.path.dirname(path)):\n"
            "            raise FileNotFoundError(path)\n",
            encoding="utf-8",
        )
        assert prepared(path).about["protocol"] == 1

    @pytest.mark.parametrize(
        ("how", "number", "says"),
        [
            ("die", 0, "exit code 7"),
            ("garbage", 1, "not a JSON answer"),
            ("unsupported", 1, "does not support write, which its roles and profile need: no, and this is why"),
            ("io", 1, "cannot even write a plain document: io: no, and this is why"),
            ("answer-and-die", 1, "exit code 7"),
            ("unknown-error", -1, r'a failure must say "error": one of invalid, io, unsupported'),
            ("text-for-id", -1, 'an "id" that is not the integer 2'),
            ("exit-non-zero", 2, "exit code 5 after stop"),
        ],
    )
    def test_whatever_goes_wrong_leaves_nothing(
        self, misbehaving: Callable[..., Path], parent: Path, how: str, number: int, says: str
    ) -> None:
        with pytest.raises(ImplementationError, match=says):
            prepare(read(misbehaving(how, number)), RunPlan(seed=1, parent=parent))
        assert list(parent.iterdir()) == []

    @pytest.mark.parametrize(("factory", "roles"), [("Talkative", ("writer",)), ("Talkative", ("writer", "reader"))])
    def test_every_operation_of_the_roles_is_asked_for(
        self,
        prepared: Callable[..., Run],
        adapters: Path,
        make_manifest: Callable[..., Path],
        factory: str,
        roles: tuple[str, ...],
    ) -> None:
        path = make_manifest(mode="python", entry_point=f"in_process:{factory}", roles=roles)
        (path.parent / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
        assert prepared(path).about["name"] == "talkative"

    @pytest.mark.parametrize(
        ("profile", "roles", "missing"), [("pulse", ("writer",), "write"), ("pulse", ("reader",), "read")]
    )
    def test_a_missing_operation_is_named(
        self,
        adapters: Path,
        make_manifest: Callable[..., Path],
        parent: Path,
        profile: str,
        roles: tuple[str, ...],
        missing: str,
    ) -> None:
        path = make_manifest(mode="python", entry_point="in_process:Bytes", profile=profile, roles=roles)
        (path.parent / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
        with pytest.raises(ImplementationError, match=f"does not support {missing}, which"):
            prepare(read(path), RunPlan(seed=1, parent=parent))

    def test_profile_replace_is_asked_to_replace(
        self, prepared: Callable[..., Run], adapters: Path, make_manifest: Callable[..., Path]
    ) -> None:
        path = make_manifest(mode="python", entry_point="in_process:Bytes", profile="replace")
        (path.parent / "in_process.py").write_bytes((adapters / "in_process.py").read_bytes())
        run = prepared(path)
        assert (run.folder / "smoke" / "status.json").exists()

    def test_oneshot_has_neither_poll_nor_progress(self, prepared: Callable[..., Run], adapters: Path) -> None:
        assert prepared(adapters / "oneshot" / "implementation.toml").about["name"] == "one shot"


class TestSetUp:
    def test_runs_in_a_copy_of_the_manifest_s_folder(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]
    ) -> None:
        code = "import os, pathlib; pathlib.Path('made').write_text(os.environ['TMPDIR'])"
        path = misbehaving(setup=[python("pass"), python(code)])
        (path.parent / "source").touch()
        (path.parent / "node_modules").mkdir()
        run = prepared(path)
        assert run.manifest.folder == run.folder / "implementation"
        assert {file.name for file in run.manifest.folder.iterdir()} == {"implementation.toml", "source", "made"}
        assert {file.name for file in path.parent.iterdir()} == {"implementation.toml", "source", "node_modules"}
        assert Path((run.manifest.folder / "made").read_text()) == run.folder / "scratch"

    @pytest.mark.parametrize(
        ("command", "says", "stderr"),
        [
            (
                python("import sys; print('said'); sys.exit('why')"),
                r"ended with exit code 1: \{python\} -c(.*\n)*it printed:\nsaid",
                "why\n",
            ),
            (
                python("print('said on stdout'); raise SystemExit(3)"),
                r"ended with exit code 3(.*\n)*said on stdout",
                "",
            ),
            (["no-such-command-here", "now"], "cannot be run: no-such-command-here now: .*No such file", ""),
        ],
    )
    def test_a_command_that_fails(
        self, misbehaving: Callable[..., Path], parent: Path, command: list[str], says: str, stderr: str
    ) -> None:
        with pytest.raises(ImplementationError, match=says) as caught:
            prepare(read(misbehaving(setup=[command])), RunPlan(seed=1, parent=parent))
        assert caught.value.stderr == stderr
        assert list(parent.iterdir()) == []

    def test_a_command_that_hangs_is_killed_with_all_its_children(
        self,
        misbehaving: Callable[..., Path],
        parent: Path,
        traces: Path,
        monkeypatch: pytest.MonkeyPatch,
        eventually: Callable[[Callable[[], object], str], None],
        gone: Callable[[int], bool],
    ) -> None:
        wait = "import threading; threading.Event().wait()"
        code = (
            "import pathlib, subprocess, sys\n"
            f"other = subprocess.Popen([sys.executable, '-c', {wait!r}])\n"
            "print('busy', file=sys.stderr, flush=True)\n"
            f"pathlib.Path({str(traces / 'pid')!r}).write_text(str(other.pid))\n"
            f"{wait}"
        )

        def spawn_until_it_hangs(*arguments: Any, **options: Any) -> Any:
            child, trace = spawn(*arguments, **options), traces / "pid"
            eventually(lambda: trace.exists() and trace.read_text(), "the set-up command hangs")
            return child

        monkeypatch.setattr(set_up, "spawn", spawn_until_it_hangs)
        monkeypatch.setattr(set_up, "SETUP_SECONDS", 1.0)
        with pytest.raises(ImplementationError, match="set-up command did not end within 1 s") as caught:
            prepare(read(misbehaving(setup=[python(code)])), RunPlan(seed=1, parent=parent))
        assert caught.value.stderr == "busy\n"
        grandchild = int((traces / "pid").read_text())
        eventually(lambda: gone(grandchild), "the child of the set-up command ends")

    def test_the_run_s_folder_may_lie_in_the_manifest_s(
        self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]
    ) -> None:
        path = misbehaving(setup=[python("pass")])
        run = prepared(path, parent=path.parent)
        assert [file.name for file in run.manifest.folder.iterdir()] == ["implementation.toml"]

    @pytest.mark.skipif(sys.platform == "win32", reason="a symbolic link needs a privilege on Windows")
    def test_a_dangling_link_is_left_out(self, prepared: Callable[..., Run], misbehaving: Callable[..., Path]) -> None:
        path = misbehaving(setup=[python("pass")])
        (path.parent / "dangling").symlink_to("nowhere")
        assert [file.name for file in prepared(path).manifest.folder.iterdir()] == ["implementation.toml"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO in a folder")
    def test_a_folder_that_cannot_be_copied(self, misbehaving: Callable[..., Path], parent: Path) -> None:
        if sys.platform != "win32":
            path = misbehaving(setup=[python("pass")])
            os.mkfifo(path.parent / "fifo")
            with pytest.raises(ManifestError, match="implementation: cannot be copied for the set-up"):
                prepare(read(path), RunPlan(seed=1, parent=parent))
            assert list(parent.iterdir()) == []


class TestTearDown:
    def test_kills_what_runs_and_removes_the_folders(
        self,
        prepared: Callable[..., Run],
        misbehaving: Callable[..., Path],
        parent: Path,
    ) -> None:
        run = prepared(misbehaving())
        child = spawn(
            [sys.executable, "-c", "import threading; threading.Event().wait()"],
            folder=parent,
            children=run.folder / "children",
            environment=os.environ,
        )
        with child.stdin, child.stdout:
            tear_down(run.folder, run.own)
            assert child.process.wait() != 0
        assert list(parent.iterdir()) == []
        assert not run.private.exists()

    def test_a_folder_that_is_gone_is_no_error(self, tmp_path: Path) -> None:
        tear_down(tmp_path / "gone")
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_removed_is_said(
        self, parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(folder: Path) -> None:
            raise PermissionError(1, "cannot be removed: kept: Operation not permitted", str(folder))

        monkeypatch.setattr("conformance.system.run_folders.remove_folder", refuse)
        tear_down(parent)
        said = capsys.readouterr().err
        assert said == f"{parent}: cannot be removed: kept: Operation not permitted; remove it yourself\n"


# The context manager, and the options that repeat a run


def test_what_the_kit_needs_of_the_system_is_looked_for_first(
    misbehaving: Callable[..., Path], parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "missing_means", lambda: "/proc is not mounted here")
    with pytest.raises(ManifestError, match="/proc is not mounted here"):
        prepare(read(misbehaving()), RunPlan(seed=1, parent=parent))
    assert list(parent.iterdir()) == []


def test_without_a_folder_of_the_kit_s_own_none_is_left(
    misbehaving: Callable[..., Path], parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "temporary_folder", lambda: parent / "missing")
    with pytest.raises(ManifestError, match="let TMPDIR name a folder that can be used"):
        prepare(read(misbehaving()), RunPlan(seed=1, parent=parent))
    assert list(parent.iterdir()) == []


def test_a_run_is_torn_down_at_the_end_of_its_block(misbehaving: Callable[..., Path], tmp_path: Path) -> None:
    stack = contextlib.ExitStack()
    run = stack.enter_context(runs.prepared(read(misbehaving()), RunPlan(seed=1, parent=tmp_path)))
    assert run.folder.is_dir()
    assert run.private.is_dir()
    stack.close()
    assert not run.folder.exists()
    assert not run.private.exists()


def test_the_options_of_a_plan_are_those_that_differ_from_the_defaults(tmp_path: Path) -> None:
    assert RunPlan(seed=5, point="replace:*").options() == []
    plan = RunPlan(seed=5, parent=tmp_path, start_seconds=2.5, answer_seconds=0.25, kills=3)
    assert plan.options() == [("dir", tmp_path), ("start-seconds", 2.5), ("answer-seconds", 0.25), ("kills", 3)]
