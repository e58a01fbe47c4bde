"""The one place that chooses between the two platform files; both have the same functions."""

import sys

if sys.platform == "win32":
    from pulse._windows import (
        CREATE_FLAGS,
        absolute,
        creation_mode,
        has_ended,
        keep_attributes,
        open_for_reading,
        remove,
        replace,
        sync_folder,
        writer_id,
    )
else:
    from pulse._posix import (
        CREATE_FLAGS,
        absolute,
        creation_mode,
        has_ended,
        keep_attributes,
        open_for_reading,
        remove,
        replace,
        sync_folder,
        writer_id,
    )

__all__ = [
    "CREATE_FLAGS",
    "absolute",
    "creation_mode",
    "has_ended",
    "keep_attributes",
    "open_for_reading",
    "remove",
    "replace",
    "sync_folder",
    "writer_id",
]
