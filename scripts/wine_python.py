"""Assembles a Windows Python that runs under Wine: ``python wine_python.py FOLDER [WHEEL…]``.

No published CPython for Windows can be unpacked without Windows and without an installer, so this one is put together:
interpreter and extension modules from the wheel of panda3d, which ships them for its programs; the standard
library of the Python that runs this file, which must be of the same minor version; ``python.exe`` and what Wine lacks,
built with MinGW; a ``sitecustomize.py`` that repeats what Wine fails to start; the packages of
``wine-requirements.txt``.

FOLDER keeps what was assembled, one Python for each state of the files that it is made from. The WHEELs, the project's
own, replace those installed before. Prints the path of ``python.exe``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

LOCK = Path(__file__).with_name("wine-requirements.txt")
SOURCES = Path(__file__).with_name("wine")
PROJECT = ("pulse", "conformance", "stress")
MINORS = ("3.11", "3.12")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
INTERPRETER = f"python{MINOR.replace('.', '')}"
PLATFORM = ("--platform", "win_amd64", "--python-version", MINOR, "--implementation", "cp", "--only-binary", ":all:")
# api-ms-*: Wine has its own, and those of Windows do not run there. _wmi: fails to load under Wine. Tcl: not needed.
LEFT_OUT = re.compile(r"(api-ms-|_wmi\.|_tkinter\.|tcl|tk)", re.IGNORECASE)
NO_LIBRARY = shutil.ignore_patterns(
    *("__pycache__", "site-packages", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED"),
    *("lib-dynload", "config-*", "_sysconfigdata_*", "test", "tests"),
    *("idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"),
)


def pip(*arguments: str | Path) -> None:
    """Run pip. Raises ``subprocess.CalledProcessError``; pip has said why on standard error."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def mingw(tool: str, *arguments: str | Path) -> str:
    """Run a tool of MinGW for 64-bit Windows. Returns what it printed."""
    command = [f"x86_64-w64-mingw32-{tool}", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def assembled(cache: Path) -> Path:
    """The folder of the Windows Python, made unless it exists already for this state of its parts."""
    parts = (Path(__file__), LOCK, *sorted(path for path in SOURCES.iterdir() if path.is_file()))  # and no __pycache__
    state = hashlib.sha256(b"".join([sys.version.encode(), *(part.read_bytes() for part in parts)])).hexdigest()[:12]
    folder = cache / f"{INTERPRETER}-{state}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for before in cache.glob(f"{INTERPRETER}-*"):
            shutil.rmtree(before)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            wheels = Path(temporary, "wheels")
            pip("download", "--no-deps", "--require-hashes", *PLATFORM, "--dest", wheels, "--requirement", LOCK)
            unfinished = Path(temporary, "python")
            _assemble(unfinished, sorted(wheels.iterdir()))
            unfinished.rename(folder)
    return folder


def install(folder: Path, wheels: Sequence[str]) -> None:
    """Install the project's own wheels, in the place of those that were installed before."""
    packages = folder / "Lib" / "site-packages"
    for before in [*(packages / name for name in PROJECT), *packages.glob("pulse_*.dist-info")]:
        shutil.rmtree(before, ignore_errors=True)
    pip("install", "--no-deps", "--no-index", "--no-compile", "--target", packages, "--upgrade", *wheels)
    _compile(packages / name for name in PROJECT)


def _assemble(folder: Path, wheels: Sequence[Path]) -> None:
    shutil.copytree(sysconfig.get_path("stdlib"), folder / "Lib", ignore=NO_LIBRARY)
    shutil.copy(SOURCES / "sitecustomize.py", folder / "Lib")
    packages = folder / "Lib" / "site-packages"
    others = []
    for wheel in wheels:
        if wheel.name.startswith("panda3d-"):
            _unpack_interpreter(wheel, folder)
        else:
            others.append(wheel)
    pip("install", "--no-deps", "--no-index", "--no-compile", *PLATFORM, "--target", packages, *others)
    _build(folder)
    _compile([folder / "Lib"])


def _unpack_interpreter(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            where, _, file = name.rpartition("/")
            if where == "deploy_libs" and not LEFT_OUT.match(file):
                (folder / file).write_bytes(archive.read(name))


def _build(folder: Path) -> None:
    """``python.exe``; ``python3.dll``, the stable interface that some packages link to; a library that Wine 8 lacks."""
    library = folder / f"{INTERPRETER}.dll"
    with tempfile.TemporaryDirectory() as temporary:
        resources = Path(temporary, "python.o")
        mingw("windres", SOURCES / "python.rc", resources)
        mingw("gcc", "-O2", "-municode", "-o", folder / "python.exe", SOURCES / "python.c", resources, library)
        definition = Path(temporary, "python3.def")
        exported = re.findall(r"^\t\[ *\d+\] (\w+)$", mingw("objdump", "-p", library), re.MULTILINE)
        forwards = [f"{name} = {INTERPRETER}.{name}" for name in exported]
        definition.write_text("\n".join(["LIBRARY python3", "EXPORTS", *forwards, ""]))
        mingw("gcc", "-shared", "-nostdlib", "-Wl,--entry,0", "-o", folder / "python3.dll", definition, library)
    random = SOURCES / "bcryptprimitives.c"
    mingw("gcc", "-O2", "-shared", "-o", folder / "bcryptprimitives.dll", random, "-ladvapi32")


def _compile(folders: Iterable[Path]) -> None:
    """Byte code is the same on every system; without it each start under Wine would compile its imports again."""
    arguments = ["-q", "-j", str(os.cpu_count() or 1), "--invalidation-mode", "unchecked-hash", *map(str, folders)]
    subprocess.run([sys.executable, "-m", "compileall", *arguments], check=True, stdout=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    if MINOR not in MINORS:
        print(f"wine_python.py: needs Python {' or '.join(MINORS)}, not {MINOR}: run it with one", file=sys.stderr)
        return 2
    folder = assembled(Path(arguments[0]))
    if wheels := arguments[1:]:
        install(folder, wheels)
    print(folder / "python.exe")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
