"""How an implementation is started: its command, environment, folder and user."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.subject.accounts import account_of, hand_over
from conformance.subject.children import Child, spawn
from conformance.subject.fork_messages import HONEST, HOST, SANDBOX, TRACER
from conformance.subject.forking import server_of
from conformance.subject.python_host import PAUSES
from conformance.subject.sandbox import Sandbox, in_a_fork, visible_variables

__all__ = ["ANSWER_SECONDS", "START_SECONDS", "LaunchOptions", "command_of", "forked_modules", "spawned"]

START_SECONDS = 30.0
ANSWER_SECONDS = 10.0
_XFSZ = int(getattr(signal, "SIGXFSZ", 0))  # Windows has none
# coverage.py sets it to measure the children of a process, too. The kit's implementations are not part of the kit, and
# each of the thousands of processes of a run would start several times more slowly.
_MEASURES_THE_KIT = "COVERAGE_PROCESS_CONFIG"
_OF_PYTEST = "PYTEST_"  # what it sets for its own children; a program must not behave otherwise where it is judged
_OF_THE_KIT = "HYPOTHESIS_STORAGE_DIRECTORY"  # where its own folder is


@dataclass(frozen=True)
class LaunchOptions:
    """How an implementation is started.

    ``children`` is the folder that records running processes, ``scratch`` the child's folder for temporary files.
    ``folder`` is the current folder, instead of the manifest's; ``prefix`` is a command that changes the process (a
    namespace, a limit) and then executes the rest. The child inherits ``descriptors``. ``user`` is the user as whom it
    runs, None for the kit's own; what the kit makes in folders of ``cases`` is then handed over to that user.
    ``sandbox`` is the sandbox in which it runs, if any.
    """

    children: Path
    scratch: Path
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = -1
    prefix: tuple[str, ...] = ()
    ignore_signals: bool = False
    descriptors: tuple[int, ...] = ()
    start_seconds: float = START_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    user: str | None = None
    cases: Path | None = None
    sandbox: Sandbox | None = None

    def launcher(self, manifest: Manifest, command: Sequence[str], *, network: bool = False) -> tuple[str, ...]:
        """The prefix that comes after ``prefix`` and before the command: into the sandbox, then to the user.

        ``network`` leaves a sandbox the machine's network, for set-up commands.
        """
        ignored = _XFSZ if self.ignore_signals else 0
        user = account_of(self.user).prefix(ignored) if self.user else ()
        if self.sandbox is None:
            return user
        # Only what the user's own PATH leads to: a manifest must not choose what it is shown.
        program = None if os.path.dirname(command[0]) else shutil.which(command[0])
        shown = (manifest.folder,)
        return (
            *self.sandbox.prefix(shown, program, network=network, becomes=bool(user), ignored=ignored),
            *user,
        )

    def child_environment(self, *, network: bool = False) -> dict[str, str]:
        """The environment of the child: the kit's, its own folder for temporary files, and no bytecode written.

        In a sandbox only some of the kit's variables are in it; with ``network``, also what says how to reach it.
        """
        scratch = str(self.scratch)
        ours = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
        left_out = (_MEASURES_THE_KIT, _OF_THE_KIT)
        given = visible_variables(os.environ, network=network) if self.sandbox else os.environ
        inherited = {
            name: value for name, value in given.items() if name not in left_out and not name.startswith(_OF_PYTEST)
        }
        of_user = account_of(self.user).environment() if self.user else {}
        home = {"HOME": str(self.sandbox.home)} if self.sandbox else {}
        return {**inherited, **of_user, **home, **ours, **self.environment}

    def hand_over(self, fields: Mapping[str, Any]) -> None:
        """Give the user what the kit has made in the folders that a request is about."""
        if self.user is None or self.cases is None:
            return
        several = [write["path"] for writes in fields.get("writes", ()) for write in writes]
        for path in dict.fromkeys([self.folder or "", fields.get("path", ""), *several]):
            hand_over(self.cases, Path(path), self.user)


def command_of(manifest: Manifest) -> tuple[str, ...]:
    """The command that runs the implementation; one of mode ``python`` runs in the kit's own host."""
    if manifest.mode == "python":
        return (sys.executable, "-m", HOST, str(manifest.folder), manifest.callable)
    return tuple(sys.executable if word == "{python}" else word for word in manifest.command)


def _is_the_kits_own(manifest: Manifest) -> bool:
    return manifest.mode == "python" and manifest.source.startswith(("mutant:", "variant:"))


def forked_modules(manifest: Manifest, *, sandbox: bool = False) -> tuple[str, ...]:
    """What the fork server may import once for all processes of this implementation: nothing of a user's."""
    if sandbox:
        return (SANDBOX,)
    return HONEST if _is_the_kits_own(manifest) else ()


def _words_in_a_fork(
    manifest: Manifest, options: LaunchOptions, launcher: tuple[str, ...], command: tuple[str, ...]
) -> tuple[str, ...]:
    """What a fork of the fork server (`conformance.subject.fork_server`) can be for this start; nothing: a new process.

    The tracer can, with any command, and so can the way into the sandbox. The host can for the kit's own mutants and
    variants only, and only where the environment changes nothing of how Python starts. In a user's implementation, what
    Python draws at random when it starts, such as the hashes of strings and the addresses of objects, must differ
    between its processes.
    """
    traced = options.prefix[:4] == (sys.executable, "-P", "-m", TRACER)
    if options.ignore_signals or (options.prefix and not traced):
        return ()
    if options.sandbox:
        return (*options.prefix[3:], *in_a_fork(launcher), *command)
    if _is_the_kits_own(manifest) and options.environment.keys() <= {PAUSES} and not launcher:
        command = (HOST, str(manifest.folder), manifest.callable)
    return (*options.prefix[3:], *launcher, *command) if traced or command[0] == HOST else ()


def spawned(manifest: Manifest, launch_options: LaunchOptions, command: tuple[str, ...]) -> Child:
    """Start a command as these options ask. Raises ImplementationError where it cannot be started."""
    server = server_of(launch_options.children)
    launcher = launch_options.launcher(manifest, command)
    words = _words_in_a_fork(manifest, launch_options, launcher, command) if server else ()
    try:
        if server and words:
            return server.fork(
                words,
                folder=launch_options.folder or manifest.folder,
                environment=launch_options.child_environment(),
                umask=launch_options.umask,
                descriptors=launch_options.descriptors,
            )
        return spawn(
            (*launch_options.prefix, *launcher, *command),
            folder=launch_options.folder or manifest.folder,
            children=launch_options.children,
            environment=launch_options.child_environment(),
            umask=launch_options.umask,
            ignore_signals=launch_options.ignore_signals,
            descriptors=launch_options.descriptors,
        )
    except OSError as error:
        raise ImplementationError(f"cannot be started: {' '.join(command)}: {error}") from error
