"""The positive control: a writer that overwrites in place, which the kit's readers must see torn before the load."""

from __future__ import annotations

import time

from stress.load.loops import control_process
from stress.load.plan import LoadPlan
from stress.load.process_group import ProcessGroup, new_pipe_process
from stress.record import clock
from stress.record.folder_record import Control
from stress.record.reports import Seen

__all__ = ["CONTROL_SECONDS", "run_control"]

CONTROL_SECONDS = 5.0
_LOOK_SECONDS = 0.01  # between two looks at the counters


def run_control(plan: LoadPlan, group: ProcessGroup) -> Control:
    """Let a writer write in place until the kit's readers have seen something torn. Returns what they saw.

    Afterwards the readers watch the targets. Raises RuntimeError when a process of the kit fails.
    """
    process, pipe = new_pipe_process(control_process, plan.folder, plan.control_name, plan.scenario.sizes)
    try:
        if pipe.recv() != "ready":
            raise RuntimeError("the positive control could not write into this folder")
        start = clock.nanoseconds()
        group.send(group.readers, "control")
        deadline = clock.seconds() + CONTROL_SECONDS
        while not group.counters.total("wrong") and clock.seconds() < deadline:
            time.sleep(_LOOK_SECONDS)
        seen: list[Seen] = group.ask(group.readers, "report")
        group.ask(group.readers, "watch")
        pipe.send("stop")
        if not isinstance(pipe.recv(), int):
            raise RuntimeError("the positive control failed while it wrote")
    finally:
        process.kill()
        process.join()
        pipe.close()
    moments = [violation.time for one in seen for violation in one.violations]
    return Control(
        sum(sum(one.counts.values()) for one in seen),
        sum(one.reads for one in seen),
        (min(moments) - start) / 1e9 if moments else None,
    )
