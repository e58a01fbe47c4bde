"""One process of a measurement: ``python -m bench.sharing.worker write WRITER TARGET SECONDS``, or ``read OPENER TARGET
PAUSE_MS SECONDS``.

It says ``ready``, waits for a line, works so long, and answers with one line of JSON, as the programs do that read in
other languages.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.sharing.readers import OPENERS, Read, Refused, Torn, error_code, verify
from bench.sharing.writers import WRITERS, Write
from conformance.oracle import payload

__all__ = ["DOCUMENT_BYTES", "read_for", "write_for"]

DOCUMENT_BYTES = 300


def write_for(write: Write, target: Path, seconds: float) -> dict[str, Any]:
    """Write one status after the other, without pause. A write that is under way at the end is not counted.

    Returns:
        ``ok``, ``lost`` (code → count), ``longest`` (the longest write, in seconds), and ``first_error``, the whole
        text of the first lost write's error, or "".
    """
    ok, lost, longest, first_error = 0, Counter[str](), 0.0, ""
    end = time.perf_counter() + seconds
    sequence = 0
    while True:
        sequence += 1
        status = payload.make_status(1, sequence, DOCUMENT_BYTES)
        begin, failed = time.perf_counter(), None
        try:
            write(target, status)
        except OSError as error:
            failed = error
        now = time.perf_counter()
        if now > end:
            return {"ok": ok, "lost": dict(lost), "longest": longest, "first_error": first_error}
        longest = max(longest, now - begin)
        if failed is None:
            ok += 1
        else:
            lost[error_code(failed)] += 1
            first_error = first_error or _told(failed, target.parent)


def _told(error: OSError, folder: Path) -> str:
    """An error with its notes; the folder is a new one each time, and is left out."""
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    within = f"{folder}{os.sep}"
    return text.replace(repr(within)[1:-1], "").replace(within, "")


def read_for(read: Read, target: Path, pause: float, seconds: float) -> dict[str, Any]:
    """Read the target again and again, with a pause of some seconds after every read.

    Returns:
        ``ok``, ``missing``, ``torn``, ``changes`` (how often another document was read than before), and ``refused``
        (code → count).
    """
    counts, refused = Counter(ok=0, missing=0, torn=0, changes=0), Counter[str]()
    before: object = None
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        try:
            now = read(target, pause)
            if now != before:
                verify(now)
                counts["changes"] += 1
                before = now
            counts["ok"] += 1
            continue
        except Torn:
            counts["torn"] += 1
        except FileNotFoundError:
            counts["missing"] += 1
        except Refused as error:
            refused[str(error)] += 1
        except OSError as error:
            refused[error_code(error)] += 1
        time.sleep(pause)
    return {**counts, "refused": dict(refused)}


def main() -> None:
    """Do what the command line says."""
    kind, name, target, *numbers = sys.argv[1:]
    print("ready", flush=True)
    if not sys.stdin.readline():
        return  # whoever started it has given up
    if kind == "write":
        result = write_for(WRITERS[name], Path(target), float(numbers[0]))
    else:
        result = read_for(OPENERS[name], Path(target), float(numbers[0]) / 1000, float(numbers[1]))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
