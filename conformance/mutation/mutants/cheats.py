"""Writers that behave only while they believe that someone looks, or do not come where it would show (no clause alone).

Each takes the kit for what it can be told by: its sizes, its names, its messages, its tracer, its surroundings.
"""

from __future__ import annotations

import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

if sys.platform != "win32":
    import resource

    @mutant("__init__", caught_by="FLT-01", on=("linux", "macos"))
    def refuses_to_start_under_a_limit(self: Honest) -> None:
        """Does not start where the size of files is limited, so that the fault never meets it."""
        if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
            raise OSError("the size of files is limited here")
        Honest.__init__(self)
