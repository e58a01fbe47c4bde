"""Shows one failure of a program that writes a file, without the kit that found it.

    python3 repro.py

It needs Python 3.9 or later, for most checks Linux with strace, and what the program itself needs. subject.json beside
this file says which program, and which of the checks in checks.py. Exit codes: 0 the failure does not happen, 1 it
does, 2 this machine cannot tell, or the repro itself failed. Torn bytes are kept in torn.bin.
"""

from __future__ import annotations

import shutil
import sys
import traceback
from pathlib import Path

__all__ = ["main"]

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Check, and say what was seen. Returns the exit code: 1 only where the failure was seen."""
    sys.path.insert(0, str(HERE))  # which python -I leaves out
    try:
        # Here, because an import that fails would end with 1.
        from conformance.commands.report_bug.checks import shown

        code = shown()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        traceback.print_exc()
        print(f"the repro itself failed: {type(error).__name__}: {error}", file=sys.stderr)
        if not (HERE / "checks.py").exists():
            print("repro.py needs the files that it came with, beside it", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(HERE / "__pycache__", ignore_errors=True)  # this folder is to be attached


if __name__ == "__main__":
    sys.exit(main())
