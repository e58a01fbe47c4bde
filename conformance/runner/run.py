"""One run of the suite: its temporary folders, the set-up commands, and the smoke stage before the first case."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from conformance.contract.errors import ImplementationError, ManifestError, NotAnAnswer
from conformance.contract.manifest import Manifest
from conformance.oracle.payload import make_status
from conformance.reporting.repeat import changed_options
from conformance.runner import room
from conformance.runner.clean_up import remove_left_folders, remove_or_say
from conformance.runner.left_behind import LeftBehind, warning_of
from conformance.runner.notes import Notes
from conformance.runner.requests import publish_request
from conformance.runner.set_up import release, set_up
from conformance.runner.target_folders import PREFIX, TargetFolders
from conformance.subject.accounts import account_of, give
from conformance.subject.children import kill_children
from conformance.subject.client import Implementation, ServeImplementation, start
from conformance.subject.launch import ANSWER_SECONDS, START_SECONDS, LaunchOptions
from conformance.subject.sandbox import Sandbox, require_means, require_to_start
from conformance.system.guard import guarding
from conformance.system.orphans import adopting
from conformance.system.platform import missing_means
from conformance.system.run_folders import new_folder
from conformance.system.shared_memory import Segment, segments
from conformance.system.temporary_folder import temporary_folder

__all__ = ["KILLS", "Run", "RunPlan", "prepare", "prepared", "tear_down"]

_REFUSAL_SECONDS = 2.0  # a longer one is no failure here
_IN_SANDBOX = "it ran in the sandbox: what it needs beside its own folder, --sandbox-read FOLDER shows it"
KILLS = 100  # one after the other, for KIL-03


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run is asked to do, by the names of the options of `pulse conformance`.

    ``parent`` (``--dir``) is the folder in which the run's temporary folder is made; None is the system's.
    """

    seed: int
    parent: Path | None = None
    start_seconds: float = START_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    kills: int = KILLS
    user: str | None = None  # as whom implementations run; None: as the kit itself
    sandbox: bool = False  # every start of an implementation is in namespaces of its own
    sandbox_read: tuple[str, ...] = ()  # more folders that are shown there
    depth: int = 1  # 2: also the write after each kill is killed and fails
    point: str = "*"  # a glob of the points that the syscall engine visits
    quick: bool = False  # fewer errors, and only the boundaries of a write at which files have changed

    def options(self) -> list[tuple[str, Any]]:
        """The options that repeat it, other than ``--seed`` and ``--point``, which a failure names itself, and
        ``--quick``: all that it visits is visited without it too.
        """
        usual, others = RunPlan(seed=self.seed), ("point", "quick", "sandbox_read")
        changed = changed_options(self, usual, names={"parent": "dir"}, leave_out=others)
        return [*changed, *(("sandbox-read", folder) for folder in self.sandbox_read)]


@dataclass(frozen=True)
class Run(RunPlan):
    """A plan and what was prepared for it: what every case of a run shares.

    Nothing is written outside of two folders: ``folder``, in which implementations work, and ``own``, the kit's own, of
    which no implementation knows (None: inside ``folder``). What the processes of the kit tell each other is in
    ``notes``.
    """

    manifest: Manifest
    folder: Path
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    own: Path | None = None
    notes: Notes = dataclasses.field(default_factory=Notes)
    working: Path | None = None  # the folder in which implementations run; None: the manifest's
    shared_memory: frozenset[Segment] = frozenset()  # that was there before
    folders: TargetFolders = dataclasses.field(default_factory=TargetFolders, compare=False, repr=False)
    places: tuple[Path, ...] = ()  # other folders with targets

    @property
    def private(self) -> Path:
        """The folder for what is the kit's own."""
        return self.own or self.folder

    def launch_options(self, **changes: Any) -> LaunchOptions:
        """How implementations of this run are started."""
        return LaunchOptions(
            **{
                "children": self.folder / "children",
                "scratch": self.folder / "scratch",
                "folder": self.working,
                "start_seconds": self.start_seconds,
                "answer_seconds": self.answer_seconds,
                "user": self.user,
                "cases": self.folder / "cases",
                "sandbox": self._sandbox(),
                **changes,
            }
        )

    def _sandbox(self) -> Sandbox | None:
        if not self.sandbox:
            return None
        return Sandbox(
            home=self.folder / "home",
            writable=(self.folder, *self.places),
            shown=tuple(map(Path, self.sandbox_read)),
            concealed=() if self.own is None else (self.own,),
        )


@contextlib.contextmanager
def prepared(manifest: Manifest, plan: RunPlan, *, smoke: bool = True) -> Iterator[Run]:
    """A run that is torn down at the end of the block. Raises what `prepare` raises, and ManifestError as `room`."""
    room.require_descriptors()
    with guarding(), adopting():
        run = prepare(manifest, plan, smoke=smoke)
        try:
            yield run
        finally:
            tear_down(run.folder, run.own)


def prepare(manifest: Manifest, plan: RunPlan, *, smoke: bool = True) -> Run:
    """Make the run's folders, run the manifest's set-up there, and pass the smoke stage unless it is left out.

    Raises ImplementationError (the folders are gone then), ManifestError when ``plan.parent`` cannot be used, or this
    system lacks what the kit needs.
    """
    if missing := missing_means():
        raise ManifestError(missing)
    remove_left_folders()
    if plan.user is not None:
        account_of(plan.user)
    if plan.sandbox or plan.sandbox_read:
        plan = dataclasses.replace(plan, sandbox=True, sandbox_read=_absolute(plan.sandbox_read))
        require_means(map(Path, plan.sandbox_read), plan.user)
    before = segments()
    of_programs = ("scratch", "cases", "smoke", *(("home",) if plan.sandbox else ()))
    folder = _new_folder(PREFIX, plan.parent, ("children", *of_programs))
    try:
        own = _new_folder("pulse-kit-", None, ("notes", "scratch"))
    except BaseException:
        tear_down(folder)
        raise
    try:
        if plan.user is not None:
            folder.chmod(0o711)  # with a name it is found, but only what follows is that user's
            for name in of_programs:
                give(folder / name, plan.user)
        plan = dataclasses.replace(plan, parent=plan.parent and plan.parent.resolve())
        run = Run(manifest, folder, own=own, notes=Notes(own / "notes"), shared_memory=before, **vars(plan))
        if plan.sandbox:
            options = run.launch_options()
            prefix = options.launcher(manifest, (sys.executable,))
            require_to_start(prefix, manifest.folder, options.child_environment())
        run = dataclasses.replace(run, manifest=set_up(manifest, folder, run.launch_options()))
        return dataclasses.replace(run, about=dict(_smoke(run)) if smoke else {})
    except BaseException as error:
        if isinstance(error, ImplementationError | OSError) and room.is_full(folder):
            text = room.full_text(folder)
            tear_down(folder, own)
            raise ManifestError(text) from error
        tear_down(folder, own)
        if isinstance(error, ImplementationError) and plan.sandbox:
            raise ImplementationError(f"{error}\n{_IN_SANDBOX}", error.stderr) from error
        raise


def _absolute(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(os.path.abspath(os.path.expanduser(folder)) for folder in folders)


def _new_folder(prefix: str, parent: Path | None, names: tuple[str, ...]) -> Path:
    """A new folder with these folders in it, for this user only. Raises ManifestError."""
    where = parent or temporary_folder()
    try:
        folder = new_folder(prefix, where)
        for name in names:
            (folder / name).mkdir()
    except OSError as error:
        other = "" if parent else "; let TMPDIR name a folder that can be used"
        raise ManifestError(f"{where}: cannot make the run's temporary folder there: {error}{other}") from error
    return folder


def tear_down(folder: Path, own: Path | None = None) -> None:
    """Kill what the run left running and remove its folders; says on standard error what could not be removed."""
    kill_children(folder / "children")
    left = LeftBehind()
    left.end()
    if left.found:
        click.echo(warning_of(left.found), err=True)
    release(folder)
    for each in filter(None, (folder, own)):
        remove_or_say(each)
    remove_left_folders()  # also what the implementation has put beside the records


def _smoke(run: Run) -> Mapping[str, Any]:
    """Talk to the implementation once. This judges the protocol only: what it wrote is the suite's business."""
    try:
        return _talk(run, refusal=True)
    except _NoRefusal:  # how it ended is for the suite to judge
        return _talk(run, refusal=False)


class _NoRefusal(Exception):
    """What has to be refused ended the implementation, or it gave no answer."""


def _talk(run: Run, *, refusal: bool) -> Mapping[str, Any]:
    """One operation of each kind. Raises ImplementationError, and with ``refusal`` _NoRefusal."""
    implementation = start(run.manifest, run.launch_options())
    try:
        target = str(run.folder / "smoke" / "status.json")
        status = make_status(0, 0)
        if "writer" in run.manifest.roles:
            operation, fields = publish_request(run.manifest.profile, target, status)
            _supported(implementation, operation, **fields)
        if "reader" in run.manifest.roles:
            _supported(implementation, "read", path=target)
            if run.manifest.mode != "oneshot":
                _supported(implementation, "poll", path=target)
                _supported(implementation, "progress", status=status)
        # In mode oneshot any exit code may be that of a command in a script, and is a finding for the suite.
        if refusal and "writer" in run.manifest.roles and isinstance(implementation, ServeImplementation):
            _ask_for_a_refusal(implementation, run.manifest.profile, target)
        implementation.stop()
        return implementation.about
    finally:
        implementation.kill()


def _ask_for_a_refusal(implementation: ServeImplementation, profile: str, target: str) -> None:
    """Ask for a write that has to be refused; whether it was is for the suite to judge. An answer that is none, such as
    an unknown ``error``, would fail each of its many cases in which something is refused.

    Raises NotAnAnswer for that, _NoRefusal where there was no answer at all.
    """
    status = make_status(0, 0)
    if profile == "pulse":
        operation, fields = publish_request(profile, f"{target}.refused", {**status, "status": "no-such-status"})
    else:  # any text may be written, but not into a folder that does not exist
        operation, fields = publish_request(profile, f"{target}.missing/status.json", status)
    try:
        implementation.receive(implementation.send(operation, **fields), _REFUSAL_SECONDS)
    except NotAnAnswer:
        raise
    except ImplementationError as error:
        raise _NoRefusal from error


def _supported(implementation: Implementation, operation: str, **fields: Any) -> None:
    answer = implementation.request(operation, **fields)
    if answer.error == "unsupported":
        raise ImplementationError(
            f"does not support {operation}, which its roles and profile need: {answer.message}",
            implementation.stderr(),
        )
    if not answer.ok:
        raise ImplementationError(
            f"cannot even {operation} a plain document: {answer.error}: {answer.message}",
            implementation.stderr(),
        )
