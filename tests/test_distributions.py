"""The two distributions that this repository builds, pulse-status and pulse-kit, fit each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import pulse
from pulse.cli import KIT_COMMANDS

ROOT = Path(__file__).parents[1]


def project(folder: str) -> dict[str, Any]:
    """The table ``[project]`` of the distribution that is built from this folder of the checkout."""
    table: dict[str, Any] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))["project"]
    return table


STATUS, KIT = project("pulse"), project(".")


def test_the_kit_takes_the_reference_of_this_checkout() -> None:
    (wanted,) = (entry for entry in map(Requirement, KIT["dependencies"]) if entry.name == STATUS["name"])
    assert Version(pulse.__version__) in wanted.specifier
    assert wanted.extras == set()


def test_the_reference_needs_nothing() -> None:
    assert STATUS["dependencies"] == []
    assert set(STATUS["optional-dependencies"]) == {"panel", "watch"}


def test_each_command_of_the_kit_is_known_without_the_kit() -> None:
    assert set(KIT_COMMANDS) == set(KIT["entry-points"]["pulse.commands"])


def test_the_checkout_holds_what_it_is_known_to_hold() -> None:
    """A program that the kit judged in the checkout once left a status file there, and it was committed."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    top = {name.partition("/")[0] for name in listed.stdout.split("\0") if name}
    assert {name for name in top if not re.fullmatch(r"\.?[A-Za-z][A-Za-z_.-]*", name)} == set()


def test_one_licence_and_the_same_pythons() -> None:
    assert (ROOT / "pulse" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert KIT["license"] == STATUS["license"]
    assert KIT["requires-python"] == STATUS["requires-python"]
    pythons = [entry for entry in KIT["classifiers"] if entry.startswith("Programming Language")]
    assert pythons == [entry for entry in STATUS["classifiers"] if entry.startswith("Programming Language")]


@pytest.mark.parametrize("package", ["pulse", "conformance", "stress"])
def test_types_are_published(package: str) -> None:
    assert (ROOT / package / "py.typed").read_bytes() == b""


RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


@pytest.mark.parametrize("package", ["pulse", "conformance", "stress"])
def test_no_file_has_a_name_that_windows_keeps_for_a_device(package: str) -> None:
    names = [path.name for path in (ROOT / package).rglob("*")]
    assert len(names) > 20
    assert [name for name in names if name.partition(".")[0].lower() in RESERVED] == []
