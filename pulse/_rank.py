"""Which process of a distributed training this is: only the one of rank 0 writes the status file."""

from collections.abc import Mapping
from contextlib import suppress

__all__ = ["RANK_VARIABLES", "rank_of"]

RANK_VARIABLES = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
"""Environment variables with a rank, the nearest launcher first: torchrun runs inside srun, and not the reverse."""


def rank_of(environ: Mapping[str, str]) -> int:
    """The rank of a process among all those of its training.

    Args:
        environ: its environment variables.

    Returns:
        The first of :data:`RANK_VARIABLES` that is a whole number; 0 when none is, as in a training of one process.
    """
    for name in RANK_VARIABLES:
        value = environ.get(name, "")
        if value.isascii() and value.isdigit():
            with suppress(ValueError):  # more digits than Python converts
                return int(value)
    return 0
