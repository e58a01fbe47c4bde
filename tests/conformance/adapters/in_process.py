"""Implementations of mode ``python`` that raise and print what they should not."""

import os
import subprocess
import sys
from typing import Any


class Talkative:
    """Raises the error that the message names; prints in every way that a process can."""

    name = "talkative"
    version = "3"

    def write(self, path: str, status: dict[str, Any]) -> None:
        print("printed by print")
        os.write(1, b"printed by descriptor\n")
        subprocess.run(["echo", "printed by a child"], check=True)
        match status["message"]:
            case "ValueError":
                raise ValueError("the value is wrong")
            case "UnicodeEncodeError":
                "\ud800".encode()
            case "OSError":
                raise OSError(28, "No space left on device")
            case "PermissionError":
                raise PermissionError(13, "Permission denied", path)
            case "NotImplementedError":
                raise NotImplementedError("not today")
            case "ZeroDivisionError":
                raise ZeroDivisionError("a crash of the writer")
            case "SystemExit":
                sys.exit("the writer gives up")

    def read(self, path: str) -> object:
        return object() if path == "an object" else {"path": path}

    def poll(self, path: str) -> tuple[dict[str, Any] | None, bool]:
        return None, False

    def progress(self, status: dict[str, Any]) -> float:
        return float(status["epoch"])


class Bytes:
    """Has the one operation of profile ``replace``."""

    def replace(self, path: str, text: str) -> None:
        if text == "crash":
            raise ZeroDivisionError
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)


class Namespace:
    """Holds a factory that is an attribute of an attribute."""

    Inner = Talkative
