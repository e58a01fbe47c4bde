"""mypy for three platforms: one error on one of them is enough to fail."""

import subprocess
from collections.abc import Sequence

import pytest

from scripts import type_check


@pytest.mark.parametrize(("wrong", "code"), [((), 0), (("darwin",), 1), (("linux", "win32"), 1)])
def test_an_error_on_any_platform_fails_and_each_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: Sequence[str], code: int
) -> None:
    asked = {}

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        platform = command[command.index("--platform") + 1]
        asked[platform] = command[-1]
        failed = platform in wrong
        return subprocess.CompletedProcess(command, int(failed), "1 error\n" if failed else "no error\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert type_check.main(["pulse"]) == code
    assert asked == dict.fromkeys(type_check.PLATFORMS, "pulse")
    said = [f"{name}: {'1 error' if name in wrong else 'no error'}" for name in type_check.PLATFORMS]
    assert capsys.readouterr().out.splitlines() == said
