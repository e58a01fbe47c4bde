"""Lets the conformance kit drive PyPI's atomicwrites: as an object (mode ``python``) and as a process (mode ``serve``).

It adds nothing to the library: no option but ``overwrite``, no retry, no check (SPEC.md, "Adapters").
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

# The manifest's `setup` installs the library beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))
atomicwrites = importlib.import_module("atomicwrites")

__all__ = ["AtomicWrites"]


class AtomicWrites:
    """The library as a writer of profile ``replace``."""

    name = "atomicwrites"
    version = str(atomicwrites.__version__)
    language = "python"

    def replace(self, path: str, text: str) -> None:
        """Replace the file with the UTF-8 bytes of ``text``. Raises OSError, and ValueError for invalid text."""
        data = text.encode("utf-8")
        with atomicwrites.atomic_write(path, mode="wb", overwrite=True) as file:
            file.write(data)


def answer(writer: AtomicWrites, request: dict[str, Any]) -> dict[str, Any]:
    """One answer, without its id, to one request of mode ``serve``."""
    operation = request["op"]
    if operation == "start":
        about = {"name": writer.name, "version": writer.version, "language": writer.language}
        return {"ok": True, "protocol": 1, **about}
    if operation == "stop":
        return {"ok": True}
    if operation != "replace":
        return {"ok": False, "error": "unsupported", "message": f"no operation {operation!r}"}
    try:
        writer.replace(request["path"], request["text"])
    except OSError as error:
        return {"ok": False, "error": "io", "message": str(error)}
    except ValueError as error:
        return {"ok": False, "error": "invalid", "message": str(error)}
    return {"ok": True}


def main() -> None:
    """Answer one JSON request per line until ``stop`` or the end of the input."""
    writer = AtomicWrites()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **answer(writer, request)}), flush=True)
        if request["op"] == "stop":
            return


if __name__ == "__main__":
    main()
