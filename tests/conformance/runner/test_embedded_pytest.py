"""pytest inside a command: its arguments, and a process that is afterwards as it was before."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from conformance.runner.embedded_pytest import EmbeddedPytest, cpus, private_process

VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "OF_THE_COMMAND")


def state() -> tuple[object, ...]:
    return (*(os.environ.get(name) for name in VARIABLES), sys.dont_write_bytecode, tempfile.tempdir)


@pytest.mark.parametrize("given", [{}, dict.fromkeys(VARIABLES, "--of-the-user")], ids=["unset", "set"])
def test_the_process_is_as_before_whatever_happened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str]
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    before = state()

    def fail() -> None:
        with private_process(tmp_path, {"OF_THE_COMMAND": "1"}):
            assert state() == ("1", None, None, "1", True, str(tmp_path / "scratch"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert state() == before


def plan(tmp_path: Path, workers: int | None) -> EmbeddedPytest:
    return EmbeddedPytest(tmp_path / "tests", tmp_path, ("a.plugin",), workers, 2.5, ("-q",))


def test_without_workers_the_tests_run_in_this_process(tmp_path: Path) -> None:
    words = plan(tmp_path, 0).command_line()
    assert words[0] == str(tmp_path / "tests")
    assert "xdist.plugin" not in words
    assert words[-3:] == ["--timeout", "2.5", "-q"]
    assert [words[index + 1] for index, word in enumerate(words) if word == "-p"] == [
        "no:cacheprovider",
        "a.plugin",
        "pytest_timeout",
        "no:unraisableexception",
        "no:threadexception",
    ]


@pytest.mark.parametrize(("asked", "expected"), [(3, "3"), (None, str(cpus()))])
def test_there_is_one_worker_per_cpu_unless_told_otherwise(tmp_path: Path, asked: int | None, expected: str) -> None:
    words = plan(tmp_path, asked).command_line()
    assert words[words.index("-n") + 1] == expected


def test_pytest_is_given_the_plugins_and_its_exit_code_returned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    def main(arguments: list[str], plugins: list[object]) -> pytest.ExitCode:
        calls.append((arguments, plugins, tempfile.tempdir))
        return pytest.ExitCode.TESTS_FAILED

    monkeypatch.setattr(pytest, "main", main)
    asked, plugin = plan(tmp_path, 0), object()
    assert asked.run(plugin) == 1
    assert calls == [(asked.command_line(), [plugin], str(tmp_path / "scratch"))]
