"""Builds both distributions and runs their wheels in an empty environment outside the checkout.

    python scripts/package_check.py CHECKOUT [FOLDER]

FOLDER keeps what was built, in a folder for each distribution, once everything has passed.
Not a test module: it needs the network for its packages, so `tox -e package` runs it and pytest does not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

NOT_SHIPPED = {"__pycache__", "node_modules", "target", "Cargo.lock"}
MOST_FILES = 80
"""More files than this in pulse-status, and something has slipped in that a training environment does not need."""


class Distribution(NamedTuple):
    """One of the two distributions that the checkout builds."""

    name: str
    folder: str
    """The folder of its pyproject.toml, relative to the checkout."""
    packages: tuple[str, ...]
    """The packages that it installs, all of them folders of the checkout."""
    only_described_by: frozenset[str]
    """Files in its packages that describe the distribution, and are not installed."""


STATUS = Distribution(
    "pulse-status", "pulse", ("pulse",), frozenset({"pulse/LICENSE", "pulse/README.md", "pulse/pyproject.toml"})
)
KIT = Distribution("pulse-kit", ".", ("conformance", "stress"), frozenset())


class Built(NamedTuple):
    """The two files of a distribution."""

    sdist: Path
    wheel: Path


def build(distribution: Distribution, checkout: Path, folder: Path) -> Built:
    """Build the sdist from the checkout and the wheel from that sdist.

    The detour through the sdist shows that the sdist lacks nothing that the wheel needs.
    """
    out = folder / distribution.name
    run([sys.executable, "-m", "build", "--outdir", str(out), str(checkout / distribution.folder)], cwd=folder)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Built(sdist, wheel)


def files_in(package: Path, checkout: Path) -> Iterator[str]:
    """Name every file of a package in the checkout, as a wheel names its members."""
    for path in package.rglob("*"):
        name = path.relative_to(checkout)
        if path.is_file() and NOT_SHIPPED.isdisjoint(name.parts):
            yield name.as_posix()


def installed_by(wheel: Path) -> set[str]:
    """Name the files that a wheel puts into site-packages, but for those of its own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}


def members_of(sdist: Path) -> set[str]:
    """Name the files of an sdist, relative to its only folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def check_contents(distribution: Distribution, built: Built, checkout: Path) -> None:
    """Compare wheel and sdist with the checkout, file by file. Raises ``SystemExit`` with the differences."""
    inside = {name for package in distribution.packages for name in files_in(checkout / package, checkout)}
    shipped, wanted = installed_by(built.wheel), inside - distribution.only_described_by
    where = f"{distribution.folder}/pyproject.toml, [tool.hatch.build]"
    _complain(f"not in {built.wheel.name}, see {where}", wanted - shipped)
    _complain(f"in {built.wheel.name}, but not in the checkout, see {where}", shipped - wanted)
    _complain("no marker of a typed package", {f"{name}/py.typed" for name in distribution.packages} - shipped)

    above = "" if distribution.folder == "." else f"{distribution.folder}/"
    source = {name.removeprefix(above) for name in inside} | {"LICENSE", "README.md", "pyproject.toml"}
    _complain(f"not in {built.sdist.name}, see {where}", source - members_of(built.sdist))
    with zipfile.ZipFile(built.wheel) as archive:
        licences = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    if len(licences) != 1:
        sys.exit(f"{built.wheel.name}: one LICENSE is wanted, not {licences}")
    print(f"{distribution.name}: {len(shipped)} files in the wheel, all of {', '.join(distribution.packages)}")


def _complain(what: str, names: Iterable[str]) -> None:
    """Raise ``SystemExit`` if there are any names."""
    if listed := sorted(names):
        sys.exit(f"{what}:\n" + "\n".join(listed))


def run(command: Sequence[str], cwd: Path, code: int = 0) -> None:
    """Run a command in a folder, its output shown. Raises ``SystemExit`` when it exits with another code."""
    print("+", *command, flush=True)
    # PYTHONPATH could bring the checkout back.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment)
    if done.returncode != code:
        sys.exit(f"exit code {done.returncode} instead of {code}: {' '.join(command)}")


class Environment:
    """A virtual environment, and the folder outside the checkout in which its commands are run."""

    def __init__(self, folder: Path) -> None:
        """Make both. ``folder``: a new folder for them."""
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir(parents=True)
        self._scripts = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
        venv.create(self._scripts.parent, with_pip=True, symlinks=sys.platform != "win32")

    def run(self, command: str, *arguments: str, code: int = 0) -> None:
        """Run one of its commands. Raises ``SystemExit`` when it exits with another code."""
        run([str(self._scripts / command), *arguments], cwd=self.elsewhere, code=code)

    def install(self, *wheels: Path) -> None:
        """Install wheels, and what they need from the network."""
        self.run("python", "-m", "pip", "install", "--quiet", *map(str, wheels))

    def distributions(self) -> set[str]:
        """Name what is installed, without what `venv` itself puts there."""
        command = [str(self._scripts / "python"), "-m", "pip", "list", "--format=json"]
        listing = subprocess.run(command, cwd=self.elsewhere, check=True, capture_output=True, text=True)
        return {entry["name"] for entry in json.loads(listing.stdout)} - {"pip", "setuptools"}

    def importable(self, package: str) -> bool:
        """Whether a package is found."""
        command = [str(self._scripts / "python"), "-c", f"import {package}"]
        return subprocess.run(command, cwd=self.elsewhere, stderr=subprocess.DEVNULL).returncode == 0


def check_status_alone(environment: Environment, wheel: Path) -> None:
    """Install pulse-status by itself, as for a training job. Raises ``SystemExit``."""
    environment.install(wheel)
    if (installed := environment.distributions()) != {STATUS.name}:
        sys.exit(f"{STATUS.name} must need no other distribution, but these are installed: {sorted(installed)}")
    if litter := [package for package in KIT.packages if environment.importable(package)]:
        sys.exit(f"{STATUS.name} must not bring the packages {litter}")
    if (count := len(installed_by(wheel))) > MOST_FILES:
        sys.exit(f"{STATUS.name} installs {count} files; {MOST_FILES} are allowed")
    environment.run("pulse", "selftest")
    environment.run("python", "-m", "pulse", "selftest")
    for command in KIT.packages:  # not there, and the message says what to install
        environment.run("pulse", command, code=2)


def check_kit(environment: Environment, wheel: Path) -> None:
    """Add pulse-kit, which extends the command. Raises ``SystemExit``."""
    environment.install(wheel)
    if missing := {STATUS.name, KIT.name} - environment.distributions():
        sys.exit(f"not installed: {sorted(missing)}")
    environment.run("python", "-m", "pip", "check")
    environment.run("pulse", "conformance")
    environment.run("pulse", "stress", "--seconds", "5")


def main(checkout: Path, folder: Path) -> None:
    """Build both distributions; compare their files; install one after the other and run them.

    Args:
        checkout: the folder of pyproject.toml.
        folder: an empty folder for everything that this writes.

    Raises:
        SystemExit: a distribution lacks a file, drags another one in or litters, or a command failed.
    """
    status, kit = (build(distribution, checkout, folder) for distribution in (STATUS, KIT))
    check_contents(STATUS, status, checkout)
    check_contents(KIT, kit, checkout)
    environment = Environment(folder / "empty")
    check_status_alone(environment, status.wheel)
    check_kit(environment, kit.wheel)
    if left := sorted(path.name for path in environment.elsewhere.iterdir()):
        sys.exit(f"`pulse` must write nothing into the folder it is started in, but left: {left}")


if __name__ == "__main__":
    # Outside the checkout, or pytest would find the checkout's configuration above the installed suite.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        main(Path(sys.argv[1]).resolve(), Path(temporary).resolve())
        for keep in sys.argv[2:3]:
            for distribution in (STATUS, KIT):
                shutil.copytree(Path(temporary, distribution.name), Path(keep, distribution.name), dirs_exist_ok=True)
