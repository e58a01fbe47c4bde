"""The sandbox in which implementations run (``--sandbox``, Linux): what is asked of it, and whether it is to be had.

Each start enters namespaces of its own by `conformance.subject.in_sandbox`, a prefix of its command.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.contract.errors import ManifestError
from conformance.subject.fork_messages import SANDBOX
from conformance.subject.sandbox_view import covers_too_much, program_folders, steps

__all__ = ["Sandbox", "in_a_fork", "require_means", "require_to_start", "visible_variables"]

_PROGRAM = (sys.executable, "-I", "-S", "-B", str(Path(__file__).with_name("in_sandbox.py")))
# capabilities(7): those that root has over files in every container. CAP_DAC_READ_SEARCH is not among them: it opens
# files by handles, past every mount namespace. CAP_SETGID and CAP_SETUID are for the step to another user, which ends
# with none.
_OVER_FILES, _TO_ANOTHER_USER = (0, 1, 3, 4), (6, 7)
_CREATE_RULESET, _SCOPES_SINCE = 444, 6  # Landlock
_SECONDS = 60.0
_INSTEAD = "; run it in a container or a virtual machine instead"

# Names of variables that a program is given: what it needs to start, and no token.
_PROGRAMS = ("PATH", "SHELL", "TERM", "USER", "LOGNAME", "SOURCE_DATE_EPOCH", "LD_LIBRARY_PATH")
_LOCALE = ("LANG", "LANGUAGE", "TZ")
_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED", "VIRTUAL_ENV")
_TOOLCHAINS = ("DOTNET_ROOT", "GOFLAGS", "GOROOT", "GOTOOLCHAIN", "JAVA_HOME", "NODE_PATH", "PERL5LIB", "RUBYLIB")
_RUST = ("RUSTUP_HOME", "RUSTUP_TOOLCHAIN")
_CERTIFICATES = ("SSL_CERT_DIR", "SSL_CERT_FILE")
_VARIABLES = frozenset((*_PROGRAMS, *_LOCALE, *_PYTHON, *_TOOLCHAINS, *_RUST, *_CERTIFICATES))
_BEGINNING = "LC_"
# In small letters: what says how a set-up command reaches the network, which may have a password in it.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "node_extra_ca_certs")
_REGISTRIES = ("goproxy", "gosumdb", "npm_config_registry", "pip_cert", "pip_extra_index_url", "pip_index_url")
_NETWORK = frozenset((*_PROXIES, *_REGISTRIES))


@dataclass(frozen=True)
class Sandbox:
    """What a program in the sandbox may read and write beside the system's own files; everything else is hidden.

    ``home`` is its home folder, one of the writable ones. ``concealed`` are the kit's own folders.
    """

    home: Path
    writable: tuple[Path, ...]
    shown: tuple[Path, ...] = ()
    concealed: tuple[Path, ...] = ()

    def prefix(
        self,
        folders: Iterable[Path] = (),
        program: str | None = None,
        *,
        network: bool = False,
        becomes: bool = False,
        ignored: int = 0,
    ) -> tuple[str, ...]:
        """A command prefix under which the rest runs in the sandbox.

        ``folders`` are shown, too, as is what ``program`` needs. ``network`` leaves it the machine's network, for
        set-up commands. ``becomes`` says that the command goes on as another user, and ``ignored`` is the signal that
        it is to ignore.
        """
        kept = (*_OVER_FILES, *(_TO_ANOTHER_USER if becomes else ()))
        of_program = tuple(program_folders(program)) if program else ()
        shown = tuple(dict.fromkeys([*map(str, self.shown), *map(str, folders), *map(str, of_program)]))
        if network:
            shown = (*shown, os.path.realpath("/etc/resolv.conf"))
        words = _words(shown, tuple(map(str, self.writable)), tuple(map(str, self.concealed)))
        capabilities = ",".join(map(str, kept))
        return (*_PROGRAM, capabilities, str(ignored), "machine" if network else "own", *words, "--")


@cache
def _words(shown: tuple[str, ...], writable: tuple[str, ...], concealed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for step in steps(shown, writable, concealed) for word in step)


def in_a_fork(prefix: tuple[str, ...]) -> tuple[str, ...]:
    """The words by which a fork of the fork server does what a prefix of `Sandbox` does."""
    return (SANDBOX, *prefix[len(_PROGRAM) :])


def visible_variables(environment: Mapping[str, str], *, network: bool = False) -> dict[str, str]:
    """Of the kit's environment, what a program in the sandbox gets: a fixed list of names, without any token."""
    return {
        name: value
        for name, value in environment.items()
        if name in _VARIABLES or name.startswith(_BEGINNING) or (network and name.lower() in _NETWORK)
    }


def _landlock() -> int:
    """The version of Landlock's ABI, negative where the kernel has none."""
    version: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return version


def require_means(shown: Iterable[Path], user: str | None) -> None:
    """Raise ManifestError, with what to do, where this machine has no sandbox, or ``shown`` would show too much.

    Another ``user`` is kept from signals to the kit's processes by its rights.
    """
    if sys.platform != "linux":
        raise ManifestError(f"--sandbox: only Linux has the namespaces that it is made of{_INSTEAD}")
    if os.uname().machine not in ("x86_64", "aarch64"):
        raise ManifestError(f"--sandbox: it is not known how to make it on {os.uname().machine}{_INSTEAD}")
    for path in shown:
        if not path.is_dir():
            raise ManifestError(f"--sandbox-read {path}: there is no such folder")
        if why := covers_too_much(path):
            raise ManifestError(f"--sandbox-read {path}: {why}; name the folders in it that the implementation needs")
    if _landlock() < _SCOPES_SINCE and user is None:
        raise ManifestError(
            "--sandbox: this kernel cannot keep a program from killing your other processes (it needs Landlock as in "
            "Linux 6.12); run it as root with --user NAME as well, or in a container or a virtual machine instead"
        )


def require_to_start(prefix: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
    """Start Python with this prefix. Raises ManifestError, with what to do, where that fails."""
    if why := covers_too_much(folder):
        raise ManifestError(f"--sandbox: {folder}: {why}, and would be shown; move the manifest to a folder of its own")
    words = [*prefix, sys.executable, "-I", "-S", "-c", "print('ready')"]
    try:
        ended = subprocess.run(
            words, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ManifestError(f"--sandbox: it cannot be made here: {error}{_INSTEAD}") from error
    if ended.stdout != b"ready\n":
        said = ended.stderr.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2] or "no reason given"
        raise ManifestError(
            f"--sandbox: it cannot be made here: {said.removeprefix('sandbox: ')}; run it as root, or allow user "
            f"namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns){_INSTEAD}"
        )
