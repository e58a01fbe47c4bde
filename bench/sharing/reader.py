"""The readers in Python: ``python -m bench.sharing.reader WAY TARGET PAUSE_MS``.

A reader, in any language, reads TARGET until it is killed, with a pause after each read, and prints one line for each:
``ok``, ``missing``, ``torn``, or the code of the error. Readers in Python verify the whole document; the others check
that it starts with ``{`` and ends with ``}``.
"""

from __future__ import annotations

import errno
import functools
import re
import sys
import time
from pathlib import Path

from conformance.contract.errors import Violation
from conformance.oracle import payload
from conformance.system.share_modes import open_shared
from pulse import ReadOutcome, read_status

__all__ = ["WAYS", "error_code", "read"]

WAYS = ("open", "open-held", "shared", "shared-held", "pulse")
"""``open`` is plain ``open()``, ``shared`` shares deletion; ``held`` keeps the file open during the pause."""


def error_code(error: OSError) -> str:
    """The Windows error number, or the errno's name where Python has no number (plain ``open()``)."""
    number: int | None = getattr(error, "winerror", None)
    return str(number or errno.errorcode.get(error.errno or 0, "unknown"))


_identify = functools.lru_cache(maxsize=1)(payload.identify)  # an unchanged document is verified once


def read(way: str, target: Path, pause: float) -> str:
    """Read once, and pause for so many seconds. Returns the outcome."""
    outcome, held = "ok", 0.0
    try:
        if way == "pulse":
            reading = read_status(target)
            if reading.outcome is ReadOutcome.UNREADABLE:
                code = re.search(r"(?:WinError|Errno) (\d+)", reading.detail)
                outcome = code[1] if code else "unknown"
            elif reading.outcome is ReadOutcome.MISSING:
                outcome = "missing"
            else:
                payload.identify_values(reading.status or {})
        else:
            with open(open_shared(target) if way.startswith("shared") else target, "rb", buffering=0) as file:
                data = file.readall()
                if way.endswith("-held"):
                    held = pause
                    time.sleep(held)
            _identify(data)
    except Violation:
        outcome = "torn"
    except FileNotFoundError:
        outcome = "missing"
    except OSError as error:
        outcome = error_code(error)
    time.sleep(pause - held)
    return outcome


def main() -> None:
    """Read until killed."""
    way, target, pause = sys.argv[1:]
    while True:
        print(read(way, Path(target), float(pause) / 1000), flush=True)


if __name__ == "__main__":
    main()
