"""Command prefixes that cause real faults for programs in any language, without tracing; and symbolic links.

Each function but `make_link` returns a command prefix that sets up the fault and then executes the implementation.
Mounts are made in a mount namespace (mount_namespaces(7)) private to that process, so they always end with it.
All raise Unmeasured where the system does not allow it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from conformance.contract.errors import Unmeasured

__all__ = [
    "bind_mounted",
    "file_size_limited",
    "in_a_process_space_of_its_own",
    "make_link",
    "small_file_system",
    "without_owner_override",
    "without_permission_override",
    "without_special_bits_override",
]


def make_link(link: Path, destination: str) -> None:
    """Make a symbolic link. Raises Unmeasured where the system makes none, even if it reports success.

    Windows allows links for administrators and in developer mode; Wine reports success but makes none.
    """
    try:
        link.symlink_to(destination, target_is_directory=(link.parent / destination).is_dir())
    except OSError as error:
        raise Unmeasured(f"symbolic links cannot be made here: {error}") from error
    if not link.is_symlink():
        raise Unmeasured("symbolic links cannot be made here: the system reported success, but there is no link")


@cache
def _namespace() -> tuple[str, ...]:
    unshare = shutil.which("unshare")
    if not sys.platform.startswith("linux") or unshare is None:
        raise Unmeasured("needs mount namespaces and util-linux's unshare: run on Linux with util-linux installed")
    prefix: tuple[str, ...] = (unshare, "--mount", "--propagation", "private")
    if os.geteuid() != 0:
        prefix = (*prefix, "--user", "--map-root-user")
    attempt = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    if attempt.returncode != 0:
        raise Unmeasured(f"mount namespaces are not allowed here: {attempt.stderr.strip()}; run as root or allow them")
    return prefix


@cache
def in_a_process_space_of_its_own() -> tuple[str, ...]:
    """Process ids start at 1 again, as in every container (pid_namespaces(7))."""
    unshare = shutil.which("unshare")
    if not sys.platform.startswith("linux") or unshare is None:
        raise Unmeasured("needs pid namespaces and util-linux's unshare: run on Linux with util-linux installed")
    prefix: tuple[str, ...] = (unshare, "--pid", "--fork", "--kill-child")
    if os.geteuid() != 0:
        prefix = (*prefix, "--user", "--map-current-user")
    # Not the shell itself: the first process of a namespace ignores every signal that it has no handler for.
    prefix = (*prefix, "sh", "-c", '"$@"; exit $?', "sh")
    attempt = subprocess.run([*prefix, "sh", "-c", "echo $$"], capture_output=True, text=True)
    if attempt.returncode != 0 or not attempt.stdout.strip().isdecimal() or int(attempt.stdout) > 9:
        said = attempt.stderr.strip() or f"the process id there is {attempt.stdout.strip()}"
        raise Unmeasured(f"pid namespaces are not allowed here: {said}; run as root or allow them")
    return prefix


def _after(script: str, *arguments: str) -> tuple[str, ...]:
    return (*_namespace(), "sh", "-c", f'{script} && shift {len(arguments)} && exec "$@"', "sh", *arguments)


def bind_mounted(target: Path) -> tuple[str, ...]:
    """The target is itself a mount point, like a single file mounted into a container: rename gives EBUSY."""
    return _after('mount --bind "$1" "$1"', str(target))


def small_file_system(folder: Path, kibibytes: int) -> tuple[str, ...]:
    """``folder`` is a tmpfs of that size, visible from outside as ``/proc/PID/root/FOLDER``."""
    return _after(f'mount -t tmpfs -o size={kibibytes}k pulse "$1"', str(folder))


def without_permission_override() -> tuple[str, ...]:
    """Permission bits apply to root, too, without the capabilities that override them (capabilities(7))."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no permission bits on folders")
    return _without("-dac_override,-dac_read_search", "permission bits")


def without_owner_override() -> tuple[str, ...]:
    """As `without_permission_override`; and what only the owner of a file may ask for is refused to root, too."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no owners of this kind")
    return _without("-dac_override,-dac_read_search,-fowner", "permission bits, and what is the owner's alone")


def without_special_bits_override() -> tuple[str, ...]:
    """A write clears the set-user-id and set-group-id bits for root, too, as for ordinary users (capabilities(7),
    CAP_FSETID).
    """
    if sys.platform == "win32":
        raise Unmeasured("Windows has no POSIX permissions")
    return _without("-fsetid", "the rule that a write clears set-user-id bits")


def _without(capabilities: str, what: str) -> tuple[str, ...]:
    if sys.platform != "win32" and os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Unmeasured(f"run as an ordinary user, or install util-linux's setpriv: root overrides {what}")
    return (setpriv, "--inh-caps=-all", f"--bounding-set={capabilities}")


def file_size_limited(kibibytes: int) -> tuple[str, ...]:
    """No file can grow beyond the limit: a write is cut short, the next gives EFBIG (setrlimit(2), RLIMIT_FSIZE).

    Start it with ``ignore_signals``: then SIGXFSZ is ignored, as by the runtimes of Python, Node, Go and Java, and the
    limit is an error like any other. A process that still dies of SIGXFSZ has re-enabled the signal itself.
    """
    if sys.platform == "win32":
        raise Unmeasured("Windows has no limit on the size of files")
    return ("sh", "-c", f'ulimit -f {kibibytes * 2} && exec "$@"', "sh")  # POSIX: units of 512 bytes
