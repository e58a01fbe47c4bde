"""How many of a run's states each round has, and whether there is another round. No I/O here.

A run has rounds of a few kinds, and each has its share. A round that has recorded more prefixes than its share takes
gets more, of what the rounds that are still to come do not need. The last one may go beyond what was asked for by one
share, so that no prefix is left out for a few states.
"""

from __future__ import annotations

__all__ = ["KINDS", "is_another", "limit_of_round", "needed_for", "share_of"]

KINDS = 4  # rounds that every run has, if it can: they differ in size, what writes beside, and what was there before
_STATES = 100, 1_200  # of a round, at least and at most


def share_of(states: int) -> int:
    """How many states a round of a run has that is to look at so many."""
    least, most = _STATES
    return min(max(-(-states // KINDS), least), most)


def needed_for(prefixes: int) -> int:
    """How many states a round needs to look at all of its prefixes, beside a quarter of others."""
    return -(-prefixes * 4 // 3)


def limit_of_round(states: int, looked_at: int, number: int, prefixes: int) -> int:
    """How many states round ``number`` has, which has recorded so many prefixes, when ``looked_at`` of the run's
    ``states`` were looked at in the rounds before it.
    """
    share, left, needed = share_of(states), states - looked_at, needed_for(prefixes)
    if number >= KINDS:
        return max(min(share, left), min(needed, left + share))
    of_others = share * (KINDS - 1 - number)
    return min(left, max(share, min(needed, left - of_others)))


def is_another(states: int, looked_at: int, number: int, most_prefixes: int) -> bool:
    """Whether there is a round ``number`` (0, 1, …), when none before it has recorded more prefixes than these: after
    the first ones only where that many fit.
    """
    share, left = share_of(states), states - looked_at
    return left > 0 if number < KINDS else left >= max(share // 2, needed_for(most_prefixes) - share)
