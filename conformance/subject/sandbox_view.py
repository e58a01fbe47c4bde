"""What a program in the sandbox finds in its file system: the steps of `conformance.subject.in_sandbox`.

Nothing is there but what is listed: the system's programs and libraries, the interpreter, what the program itself needs
(all of it read-only), and the folders in which it works. Home folders, the machine's temporary folders, its devices and
the sockets in /run do not exist.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from conformance.system.temporary_folder import temporary_folder

__all__ = ["Step", "covers_too_much", "program_folders", "steps"]

Kind = Literal["read", "write", "memory", "link", "hidden", "device"]

# The programs of a system are in these folders, or in those of PATH.
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store")
_SYSTEM = (*_PROGRAMS, "/etc", "/sys", "/proc")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_STANDARD = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_IN_MEMORY = {"/dev": "size=1m,mode=755", "/tmp": "mode=1777", "/var/tmp": "mode=1777", "/dev/shm": "mode=1777"}
_MOST_LINKS = 40  # in a path, as in Linux
_VARIABLES = ("PATH", "PYTHONPATH", "NODE_PATH", "LD_LIBRARY_PATH", "PERL5LIB", "RUBYLIB")  # lists of folders
_TOOLCHAINS = ("JAVA_HOME", "GOROOT", "DOTNET_ROOT", "RUSTUP_HOME")


class Step(NamedTuple):
    """One step: what is done, the path, and the text of a link, or the options of a file system in memory."""

    kind: Kind
    path: str
    more: str = ""


def _home() -> Path:
    return Path(os.path.realpath(os.path.expanduser("~")))


def covers_too_much(path: Path) -> str:
    """What is wrong with showing this folder, in words; empty for nothing: it is, or has in it, what must be hidden."""
    real = Path(os.path.realpath(path))  # Path.resolve raises for links that lead in a circle
    if _home().is_relative_to(real):
        return "it is your home folder" if _home() == real else "it has your home folder in it"
    temporary = (Path(os.path.realpath(temporary_folder())), *map(Path, _IN_MEMORY))
    return "it is a folder for temporary files" if real in temporary else ""


def program_folders(program: str) -> Iterator[Path]:
    """The folders that a program, by its path, needs: its own, and of ``X/bin`` also X.

    X is left out where it is a home folder or a folder in it, such as ``~/.local``: what programs are in there has
    other company.
    """
    folder = Path(os.path.realpath(program)).parent
    yield folder
    if folder.name == "bin" and folder.parent.parent != _home():
        yield folder.parent


def steps(shown: Iterable[str], writable: Collection[str], concealed: Iterable[str] = ()) -> tuple[Step, ...]:
    """The steps to a root in which these folders are shown, and these can be written to.

    ``concealed`` are folders that must not be seen even where they lie in one that is shown; those of ``shown`` that
    lie in them are. What is not there, or `covers_too_much`, is not shown.
    """
    links = {f"/dev/{name}": f"/proc/self/{to}" for name, to in _STANDARD.items()}
    wanted = {path: Step("memory", path, options) for path, options in _IN_MEMORY.items()}
    # Where the program may write, it may also put a link: nothing there is followed.
    inside = tuple(f"{path}/" for path in writable)
    others = [path for path in (*_own(), *shown) if not (path.startswith(inside) or covers_too_much(Path(path)))]
    for path in filter(os.path.exists, (*_SYSTEM, *others)):
        real = _real(path, links)
        wanted.setdefault(real, Step("read", real))
    for path in (str(_home()), str(temporary_folder()), *concealed):
        real = os.path.realpath(path)
        wanted.setdefault(real, Step("memory", real, "mode=1777"))
    for path in writable:
        real = _real(path, links)
        wanted[real] = Step("write", real)
    wanted.update((path, Step("hidden", path)) for path in _secrets("/etc"))
    wanted.update((path, Step("device", path)) for path in filter(os.path.exists, _DEVICES))
    found = [step for step in wanted.values() if _is_needed(step, wanted)]
    found += [Step("link", path, to) for path, to in links.items() if _nearest(path, wanted) in ("memory", "")]
    return tuple(sorted(found, key=lambda step: PurePosixPath(step.path).parts))


def _nearest(path: str, wanted: dict[str, Step]) -> str:
    """What the nearest of the folders above a path is; empty where there is none."""
    for folder in map(str, PurePosixPath(path).parents):
        if folder in wanted:
            return wanted[folder].kind
    return ""


def _is_needed(step: Step, wanted: dict[str, Step]) -> bool:
    above = _nearest(step.path, wanted)
    if step.kind == "read":
        return above in ("memory", "")
    return step.kind != "memory" or step.path in _IN_MEMORY or above in ("read", "write")


def _real(path: str, links: dict[str, str]) -> str:
    """The path without links; those on the way are added to ``links``."""
    here, rest, count = PurePosixPath("/"), list(PurePosixPath(os.path.abspath(path)).parts[1:]), 0
    while rest:
        part = rest.pop(0)
        following = here.parent if part == ".." else here / part
        if os.path.islink(following) and count < _MOST_LINKS:
            count += 1
            text = os.readlink(following)
            links[str(following)] = text
            parts = PurePosixPath(text).parts
            rest[:0] = parts[1:] if text.startswith("/") else parts
            following = PurePosixPath("/") if text.startswith("/") else here
        here = following
    return str(here)


@cache
def _own() -> tuple[str, ...]:
    """What the kit's own programs in the sandbox need, and what the variables of the system name."""
    executable = os.path.dirname(os.path.realpath(sys.executable))
    python = [sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), executable]
    named = [folder for name in _VARIABLES for folder in os.environ.get(name, "").split(os.pathsep)]
    toolchains = [os.environ.get(name, "") for name in _TOOLCHAINS]
    package = str(Path(__file__).parents[1])
    return tuple(path for path in (*python, *sys.path, package, *named, *toolchains) if os.path.isabs(path))


@cache
def _secrets(folder: str) -> tuple[str, ...]:
    """What is in a folder of the system and not every user may read."""
    found: list[str] = []
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:  # it has just gone
                continue
            needed = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
            if not stat.S_ISLNK(mode) and mode & needed != needed:
                found.append(path)
        folders[:] = [name for name in folders if os.path.join(where, name) not in found]
    return tuple(found)
