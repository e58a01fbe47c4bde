"""The one place that chooses between the two platform files; both have the same functions."""

import sys

if sys.platform == "win32":
    from pulse import _windows as system
else:
    from pulse import _posix as system

__all__ = ["system"]
