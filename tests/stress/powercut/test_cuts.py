"""The plan of cuts: drawn from the seed and the number, each variation in it, each cut repeatable by its number."""

from __future__ import annotations

from stress.powercut.cuts import CHAINS, BoundaryCut, boundary_cut, random_cut, sizes_of_run


def test_seed_and_number_give_the_same_cut_again() -> None:
    assert random_cut(7, 3) == random_cut(7, 3)


def test_other_seeds_and_other_numbers_give_other_cuts() -> None:
    cuts = [random_cut(seed, number) for seed in range(10) for number in range(10)]
    assert len({(cut.size, cut.writes, cut.answers, cut.delay) for cut in cuts}) == 100


def test_the_cuts_of_a_run_have_a_few_sizes_and_those_of_another_run_have_others() -> None:
    sizes = [{random_cut(seed, number).size for number in range(200)} for seed in range(20)]
    assert all(of_run == set(sizes_of_run(seed)) for seed, of_run in enumerate(sizes))
    assert all(min(of_run) <= 1024 and 16_384 <= sorted(of_run)[-2] <= 1 << 17 for of_run in sizes)
    assert len({tuple(sorted(of_run)) for of_run in sizes}) == 20


def test_a_random_cut_comes_before_the_last_answer_was_awaited() -> None:
    assert all(0 <= cut.answers < cut.writes for cut in (random_cut(1, number) for number in range(200)))


def test_random_cuts_meet_every_variation() -> None:
    cuts = [random_cut(1, number) for number in range(200)]
    assert {(cut.exists, cut.pipelined, cut.neighbour) for cut in cuts} == {
        (exists, pipelined, neighbour)
        for exists in (True, False)
        for pipelined in (True, False)
        for neighbour in (True, False)
    }


def test_every_boundary_is_cut_in_every_variation() -> None:
    cuts = [boundary_cut(number) for number in range(3 * CHAINS)]
    assert [cut.number for cut in cuts] == list(range(3 * CHAINS))
    assert {(cut.boundary, cut.exists, cut.neighbour) for cut in cuts} == {
        (boundary, exists, neighbour)
        for boundary in range(3)
        for exists in (True, False)
        for neighbour in (True, False)
    }


def test_a_random_cut_says_what_it_is() -> None:
    words = random_cut(1, 0).described()
    assert "writes of" in words
    assert "after answer" in words


def test_a_cut_at_a_boundary_says_where_it_was_held() -> None:
    cut = BoundaryCut(12, 4096, exists=False, boundary=3, neighbour=True)
    assert cut.described("rename") == (
        "a write of 4,096 bytes held before operation 3, rename, no target before, right after the sync of another file"
    )


def test_a_cut_after_the_last_boundary_says_so() -> None:
    assert BoundaryCut(60, 256, exists=True, boundary=15, neighbour=False).described("") == (
        "a write of 256 bytes after its answer"
    )
