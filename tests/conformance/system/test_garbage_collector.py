"""Garbage in cycles is looked for more rarely, and only inside the block."""

import gc
from collections.abc import Iterator

import pytest

from conformance.system.garbage_collector import few_collections

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def test_it_is_looked_for_more_rarely_inside_the_block() -> None:
    with few_collections():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 100 * USUAL[0]
    assert gc.get_threshold() == USUAL


def test_an_error_ends_it_too() -> None:
    with pytest.raises(KeyError), few_collections():
        raise KeyError
    assert gc.get_threshold() == USUAL
