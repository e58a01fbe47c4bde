"""What Prometheus reads."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pulse.panel.metrics import exposition

from .conftest import Clocks, board_of, put

Series = dict[tuple[str, str, str], float]


def series(text: bytes) -> Series:
    """(metric, name of the file, status or liveness) → value, as Prometheus's own parser reads them."""
    found: Series = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = sample.labels
            found[sample.name, labels.get("name", ""), labels.get("status", labels.get("liveness", ""))] = sample.value
    return found


def test_every_number_of_a_file_is_a_metric(tmp_path: Path, clocks: Clocks) -> None:
    put(tmp_path / "a.json", "running", 1.0, loss=-0.25)
    board = board_of(clocks, tmp_path / "a.json", tmp_path / "b.json")
    found = series(exposition(board.poll(), viewers=7))
    assert found["pulse_epochs", "a", ""] == 1.0
    assert found["pulse_total_epochs", "a", ""] == 4.0
    assert found["pulse_loss", "a", ""] == -0.25
    assert found["pulse_progress_ratio", "a", ""] == 0.25
    assert found["pulse_unreadable_seconds", "b", ""] == 0.0
    assert found["pulse_last_look_age_seconds", "b", ""] == 0.0
    assert ("pulse_loss", "b", "") not in found
    assert found["pulse_panel_viewers", "", ""] == 7.0
    assert found["pulse_panel_polls_total", "", ""] == 1.0


def test_the_state_of_a_file_is_1_and_every_other_state_0(tmp_path: Path, clocks: Clocks) -> None:
    board = board_of(clocks, put(tmp_path / "a.json", "running"), tmp_path / "b.json", stalled_after=60.0)
    board.poll()
    clocks.pass_by(61.0)
    found = series(exposition(board.poll(), viewers=0))
    of_a = {key[2]: value for key, value in found.items() if key[:2] == ("pulse_liveness", "a")}
    assert of_a == {"fresh": 0.0, "stalled": 1.0, "ended": 0.0, "unreadable": 0.0}
    assert {key[2] for key, value in found.items() if key[:2] == ("pulse_status", "a") and value} == {"running"}
    assert not any(value for key, value in found.items() if key[:2] == ("pulse_status", "b"))


def test_a_path_cannot_forge_a_metric(tmp_path: Path, clocks: Clocks) -> None:
    board = board_of(clocks, tmp_path / 'x"} 1 .json')
    text = exposition(board.poll(), viewers=0)
    assert ("pulse_epochs", 'x"} 1 ', "") not in series(text)
    assert ("pulse_liveness", 'x"} 1 ', "unreadable") in series(text)
