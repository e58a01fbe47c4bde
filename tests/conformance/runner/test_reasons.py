"""A failure has the same reason whatever the seed, the clock and the process."""

import pytest

from conformance.runner.reasons import cause_of, is_drawn, reason_of

RENAMED = (
    "power cut after operation 8 (rename {0} → {1}): the unsynced data of {0} did not persist: the target is 0 of {2}"
)
USUAL = RENAMED.format("status.json.3481957594", "status.json", "8,192 bytes")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("create status.json.3634067125", "create status.json.…"),
        ("create .status.json.4f3a9c01.tmp beside it", "create .status.json.….tmp beside it"),
        ("unlink tmpq8w_x2ab", "unlink tmp…"),
        ("create status.json.tmp", "create status.json.tmp"),
        ("the mode was 0644 and is now 0600", "the mode was 0644 and is now 0600"),
        ("epoch is 0.1234, not 2.5", "epoch is 0.1234, not 2.5"),
        ("ended with exit code -25 (SIGXFSZ)\nand more", "ended with exit code -25 (SIGXFSZ)"),
        ("a document of 130 bytes: the target is 0 of 130 bytes", "the target is 0 of 130 bytes"),
        ("create run_9864.json.77120 (a document of 4,051 bytes at run_9864.json)", "create status.json.…"),
        ("the target is 0 of 405 bytes (a document of 405 bytes at a)", "the target is … of … bytes"),
    ],
)
def test_what_is_another_each_time_is_left_out(message: str, reason: str) -> None:
    assert reason_of(message) == reason


@pytest.mark.parametrize(
    "message",
    [
        "a document of 130 bytes: " + RENAMED.format("status.json.1", "status.json", "130 bytes"),
        RENAMED.format("gpu3.JSON.99120", "gpu3.JSON", "405 bytes") + " (a document of 405 bytes at gpu3.JSON)",
    ],
)
def test_one_cause_is_recognised_at_every_size_and_name(message: str) -> None:
    assert cause_of(message) == cause_of(USUAL)


def test_what_was_drawn_is_known_by_its_size_and_name() -> None:
    assert is_drawn("torn (a document of 405 bytes at x.json)")
    assert not is_drawn(USUAL)
