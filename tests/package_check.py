"""Builds the distribution and runs its wheel in an empty environment outside the checkout.

    python tests/package_check.py CHECKOUT

Not a test module: it needs the network for its packages, so `tox -e package` runs it and pytest does not.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGES = ("pulse", "conformance", "stress")
NOT_SHIPPED = {"__pycache__", "node_modules"}


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the sdist from the checkout and the wheel from that sdist; return the wheel's path.

    The detour through the sdist shows that the sdist lacks nothing that the wheel needs.
    """
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(checkout)], cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def files_to_ship(checkout: Path) -> Iterator[str]:
    """Name every file of the packages in the checkout, as a wheel names its members."""
    for package in PACKAGES:
        for path in (checkout / package).rglob("*"):
            name = path.relative_to(checkout)
            if path.is_file() and NOT_SHIPPED.isdisjoint(name.parts):
                yield name.as_posix()


def files_missing_from(wheel: Path, checkout: Path) -> list[str]:
    """Name the files of the packages that the wheel does not contain, sorted."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(set(files_to_ship(checkout)) - set(archive.namelist()))


def scripts_of(environment: Path) -> Path:
    """Return the folder of an environment's commands."""
    return environment / ("Scripts" if sys.platform == "win32" else "bin")


def run(command: Sequence[str], cwd: Path) -> None:
    """Run a command in a folder, its output shown; raise `CalledProcessError` unless it exits 0."""
    print("+", *command, flush=True)
    # PYTHONPATH could bring the checkout back.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, cwd=cwd, env=surroundings, check=True)


def distributions_in(environment: Path) -> set[str]:
    """Name the distributions installed in an environment, without those that `venv` itself puts there."""
    command = [str(scripts_of(environment) / "python"), "-m", "pip", "list", "--format=json"]
    listing = subprocess.run(command, cwd=environment, check=True, capture_output=True, text=True)
    return {entry["name"] for entry in json.loads(listing.stdout)} - {"pip", "setuptools"}


def main(checkout: Path, folder: Path) -> None:
    """Build; install without extras and self-test; install the kit and judge the reference.

    Args:
        checkout: the folder of pyproject.toml.
        folder: an empty folder for everything that this writes.

    Raises:
        SystemExit: the wheel lacks a file, drags another distribution in, or litters.
        CalledProcessError: a command failed.
    """
    wheel = build_wheel(checkout, folder)
    if missing := files_missing_from(wheel, checkout):
        sys.exit("Not in the wheel, see [tool.hatch.build] in pyproject.toml:\n" + "\n".join(missing))

    environment, elsewhere = folder / "environment", folder / "elsewhere"
    elsewhere.mkdir()
    venv.create(environment, with_pip=True, symlinks=sys.platform != "win32")
    python, pulse = (str(scripts_of(environment) / command) for command in ("python", "pulse"))

    run([python, "-m", "pip", "install", "--quiet", str(wheel)], cwd=elsewhere)
    if (installed := distributions_in(environment)) != {"pulse-status"}:
        sys.exit(f"The core must need no other distribution, but these came with it: {sorted(installed)}")
    run([pulse, "selftest"], cwd=elsewhere)
    run([python, "-m", "pulse", "selftest"], cwd=elsewhere)

    run([python, "-m", "pip", "install", "--quiet", f"{wheel}[kit]"], cwd=elsewhere)
    run([pulse, "conformance"], cwd=elsewhere)
    if left := sorted(path.name for path in elsewhere.iterdir()):
        sys.exit(f"`pulse` must write nothing into the folder it is started in, but left: {left}")


if __name__ == "__main__":
    # Outside the checkout, or pytest would find the checkout's configuration above the installed suite.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        main(Path(sys.argv[1]).resolve(), Path(temporary).resolve())
