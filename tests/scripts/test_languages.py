"""Which languages are judged, and what a missing toolchain means."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from conformance.runner.resolve import IMPLEMENTATIONS
from scripts import languages
from scripts.languages import TOOLCHAINS, Toolchain, main, shortcoming

Judge = Callable[[dict[str, int], dict[str, str]], list[str]]


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Replaces runs and toolchains by exit codes and shortcomings of the languages. Returns what was judged."""

    def prepare(codes: dict[str, int], missing: dict[str, str]) -> list[str]:
        judged: list[str] = []

        def run(name: str, options: object) -> int:
            judged.append(name)
            return codes.get(name, 0)

        by_command = {toolchain: name for name, toolchain in TOOLCHAINS.items()}
        monkeypatch.setattr(languages, "judge", run)
        monkeypatch.setattr(languages, "shortcoming", lambda toolchain: missing.get(by_command[toolchain]))
        return judged

    return prepare


def test_each_language_has_a_manifest() -> None:
    assert [name for name in TOOLCHAINS if not (IMPLEMENTATIONS / name / "implementation.toml").is_file()] == []


def test_all_languages_are_judged(judge: Judge) -> None:
    judged = judge({}, {})
    assert main([]) == 0
    assert judged == ["rust", "go", "node"]


def test_one_that_is_not_conformant_fails_and_the_others_are_judged_all_the_same(
    judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = judge({"rust": 1}, {})
    assert main([]) == 1
    assert judged == ["rust", "go", "node"]
    assert "rust: failed, exit code 1\ngo: conformant\nnode: conformant\n" in capsys.readouterr().out


def test_a_missing_toolchain_fails(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    judged = judge({}, {"go": "go is missing"})
    assert main([]) == 1
    assert judged == ["rust", "node"]
    assert "go: not judged: go is missing\n" in capsys.readouterr().out


def test_a_missing_toolchain_may_be_allowed_and_is_named(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    judge({}, {"go": "go is missing"})
    assert main(["--allow-missing"]) == 0
    assert "go: not judged: go is missing\n" in capsys.readouterr().out


def test_a_missing_toolchain_that_is_allowed_excuses_no_failure(judge: Judge) -> None:
    judge({"node": 1}, {"go": "go is missing"})
    assert main(["--allow-missing"]) == 1


def test_a_program_that_does_not_exist_is_missing() -> None:
    assert shortcoming(Toolchain(("no-such-program",), (2, 5))) == "no-such-program is missing: install 2.5 or later"


@pytest.mark.parametrize(
    ("oldest", "wrong"), [((3, 11), None), ((99, 0), f"is 3.{sys.version_info[1]}: install 99.0 or later")]
)
def test_versions_are_compared_as_numbers(oldest: tuple[int, int], wrong: str | None) -> None:
    found = shortcoming(Toolchain((sys.executable, "--version"), oldest))
    assert found == (None if wrong is None else f"{sys.executable} {wrong}")


def test_a_program_that_prints_no_version_is_refused() -> None:
    found = shortcoming(Toolchain((sys.executable, "-c", "print('hello')"), (1, 0)))
    assert found is not None
    assert "does not tell its version" in found
