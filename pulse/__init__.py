"""pulse: a status file that is always whole. The reference writer and reader of pulse v1."""

from pulse._version import __version__
from pulse.liveness import Liveness, age, is_stalled
from pulse.reader import Polled, Reading, ReadOutcome, StatusReader, read_status, safe_read_json
from pulse.status import (
    InvalidStatus,
    Status,
    TrainingStatus,
    parse,
    progress,
    serialise,
)
from pulse.training import Pulse, training
from pulse.writer import (
    atomic_write_json,
    write_done_status,
    write_error_status,
    write_idle_status,
    write_running_status,
    write_training_status,
)

__all__ = [
    "InvalidStatus",
    "Liveness",
    "Polled",
    "Pulse",
    "ReadOutcome",
    "Reading",
    "Status",
    "StatusReader",
    "TrainingStatus",
    "__version__",
    "age",
    "atomic_write_json",
    "is_stalled",
    "parse",
    "progress",
    "read_status",
    "safe_read_json",
    "serialise",
    "training",
    "write_done_status",
    "write_error_status",
    "write_idle_status",
    "write_running_status",
    "write_training_status",
]
