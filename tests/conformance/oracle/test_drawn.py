"""What a run draws from its seed: the same again from the same seed, and everything that it promises from any."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from conformance.oracle.document import examine
from conformance.oracle.drawn import LARGEST, SMALLEST, drawn_names, drawn_sizes, drawn_status
from conformance.oracle.payload import encode

SEEDS = st.integers(0, 2**32)
_SHORTEST = 180  # bytes that any drawn status has at most before it is filled up


def test_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> tuple[list[int], list[str], dict[str, object]]:
        draw = random.Random(seed)
        return drawn_sizes(draw), drawn_names(draw, 6), drawn_status(draw, 300)

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_the_same_seed_draws_the_same_whatever_the_hashes_of_the_interpreter_are() -> None:
    code = "import random; from conformance.oracle.drawn import drawn_names; print(drawn_names(random.Random(7), 6))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, check=True
        ).stdout
        for seed in "01234"
    }
    assert len(printed) == 1


@given(SEEDS)
def test_every_octave_has_a_size(seed: int) -> None:
    sizes = drawn_sizes(random.Random(seed))
    assert {int(math.log2(size)) for size in sizes} >= set(range(20))
    assert all(SMALLEST <= size <= LARGEST for size in sizes)


@given(SEEDS)
def test_some_sizes_are_beside_a_page_and_beside_a_power_of_two(seed: int) -> None:
    sizes = drawn_sizes(random.Random(seed))
    assert any((size + 2) % 4096 <= 4 for size in sizes)
    assert any(abs(size - (1 << round(math.log2(size)))) <= 2 for size in sizes if size >= 254)


def test_the_sizes_of_several_seeds_differ() -> None:
    assert len({tuple(sorted(drawn_sizes(random.Random(seed)))) for seed in range(50)}) == 50


@given(SEEDS, st.integers(4, 10))
def test_names_are_relative_and_different_and_one_is_numbered(seed: int, count: int) -> None:
    names = drawn_names(random.Random(seed), count)
    assert len(set(names)) == count
    assert not any(name.startswith("/") or ".." in name for name in names)
    assert any(name.startswith("train/run-") for name in names)
    assert any(name.startswith(".") for name in names)
    assert [len(name) for name in names].count(255) == 1
    # No name is the folder of another one.
    assert not any(other.startswith(f"{name}/") for name in names for other in names)


@given(SEEDS, st.integers(0, 5000))
def test_a_status_is_legal_and_has_the_size_asked_for(seed: int, size: int) -> None:
    data = encode(drawn_status(random.Random(seed), size)).encode("utf-8")
    assert examine(data).problems == ()
    assert len(data) == size if size > _SHORTEST else len(data) <= _SHORTEST
