"""Runs a command in a new console with a chosen code page.

``python -m conformance.suite.helpers.code_page N COMMAND…``, on Windows only. Input, output and exit code are those of
the command. The ANSI code page belongs to the system and does not change.
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["in_code_page"]

_CANNOT = 3
_INSIDE = "--inside"


def in_code_page(number: int) -> tuple[str, ...]:
    """The command prefix that runs what follows in a console with this code page."""
    return (sys.executable, "-m", "conformance.suite.helpers.code_page", str(number))


def main(arguments: list[str]) -> int:
    """Run the command in such a console. Returns its exit code, or 3 when there is no such console."""
    if sys.platform == "win32":
        if arguments[0] == _INSIDE:
            return _run(int(arguments[1]), arguments[2:])
        # A new console, without a window: changing the kit's own would affect every program that shares it.
        words = [sys.executable, "-m", "conformance.suite.helpers.code_page", _INSIDE, *arguments]
        return subprocess.run(words, stdin=0, stdout=1, stderr=2, creationflags=subprocess.CREATE_NO_WINDOW).returncode
    print("only Windows has console code pages", file=sys.stderr)
    return _CANNOT


if sys.platform == "win32":
    import ctypes

    def _run(number: int, command: list[str]) -> int:
        kernel32 = ctypes.WinDLL("kernel32")
        if not (kernel32.SetConsoleCP(number) and kernel32.SetConsoleOutputCP(number)):
            print(f"no console with code page {number} can be made here", file=sys.stderr)
            return _CANNOT
        return subprocess.run(command, stdin=0, stdout=1, stderr=2).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
