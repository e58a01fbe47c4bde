"""The rank of a process, from its environment."""

import pytest

from pulse._rank import rank_of


@pytest.mark.parametrize(
    ("environ", "rank"),
    [
        ({}, 0),
        ({"RANK": "0", "SLURM_PROCID": "3"}, 0),
        ({"RANK": "2"}, 2),
        ({"SLURM_PROCID": "1", "OMPI_COMM_WORLD_RANK": "4"}, 1),
        ({"OMPI_COMM_WORLD_RANK": "4"}, 4),
        ({"RANK": "", "SLURM_PROCID": "5"}, 5),
        ({"RANK": "first", "SLURM_PROCID": "-1"}, 0),
        ({"RANK": "²"}, 0),
        ({"RANK": "1" * 5000, "SLURM_PROCID": "6"}, 6),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, 0),
    ],
)
def test_the_first_variable_with_a_whole_number_counts(environ: dict[str, str], rank: int) -> None:
    assert rank_of(environ) == rank
