"""A command in a console with another code page: input, output and exit code are those of the command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.suite.helpers.code_page import in_code_page

CODE_PAGE = "import ctypes; print(ctypes.windll.kernel32.GetConsoleOutputCP(), input())"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*in_code_page(1251), sys.executable, *words], input="given", capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has console code pages")
def test_the_command_sees_the_code_page() -> None:
    assert run("-c", CODE_PAGE).stdout.split() == ["1251", "given"]


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has console code pages")
def test_the_exit_code_is_the_commands() -> None:
    assert run("-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has console code pages")
def test_elsewhere_there_is_no_such_console() -> None:
    done = run("-c", "print('ran')")
    assert (done.returncode, done.stdout) == (3, "")
    assert "only Windows" in done.stderr
