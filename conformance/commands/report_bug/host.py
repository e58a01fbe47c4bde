"""Serves a Python object: one request a line on stdin, one answer a line on stdout. For driver.py beside this file."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(folder: str, entry_point: str) -> None:
    """Serve ``package.module:factory``, with ``folder`` first on the path, until stdin ends."""
    sys.path.insert(0, str(Path(__file__).resolve().parent / folder))
    module, _, attribute = entry_point.partition(":")
    factory: Any = importlib.import_module(module)
    for name in attribute.split("."):
        factory = getattr(factory, name)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what the object prints is no answer
        implementation = factory()
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps({"id": request["id"], **_answer(implementation, request)}), file=answers, flush=True)


def _answer(implementation: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "start":
        return {"ok": True, "protocol": 1}
    method = getattr(implementation, request["op"])
    try:
        if request["op"] == "read":
            return {"ok": True, "status": method(request["path"])}
        method(request["path"], _with_floats(request.get("status", request.get("text"))))
    except ImportError as error:  # the program lacks something, which is no failure of a write
        return {"ok": False, "error": "import", "message": f"{type(error).__name__}: {error}"}
    except ValueError as error:
        return {"ok": False, "error": "invalid", "message": str(error)}
    except OSError as error:
        return {"ok": False, "error": "io", "message": str(error)}
    return {"ok": True}


def _with_floats(value: Any) -> Any:
    """What JSON cannot say: {"$float": "NaN"} is a number."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return float(value["$float"])
        return {name: _with_floats(member) for name, member in value.items()}
    return [_with_floats(member) for member in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
