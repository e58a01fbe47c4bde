"""Python loads it at its start in an attributing run: a signal then writes the stack of the thread that gets it.

It works with every Python 3, and says nothing where it cannot work: it must not disturb the program.
"""

from __future__ import annotations

import importlib
import os
import sys

_kept: list[object] = []  # the file has to stay open


def _announce() -> None:
    try:
        import faulthandler  # a Python without it must start all the same

        file = open(os.path.join(os.environ["PULSE_JUDGE_STACKS"], f"python-{os.getpid()}"), "w")  # noqa: SIM115  # kept
        if sys.platform != "win32":
            faulthandler.register(int(os.environ["PULSE_JUDGE_SIGNAL"]), file=file, all_threads=False)
        _kept.append(file)
    except Exception:  # whatever it is, the program comes first
        pass


def _load_the_hidden_one() -> None:
    """Load the sitecustomize that this one hides, as Debian's."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    this = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ImportError:
        pass
    finally:
        if this is not None:
            sys.modules.setdefault("sitecustomize", this)


if "PULSE_JUDGE_STACKS" in os.environ:
    _announce()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_announce)
    _load_the_hidden_one()
