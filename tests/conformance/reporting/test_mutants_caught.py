"""matrix.json in a report: figures with their denominators, and a refusal of what is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.reporting.mutants_caught import load_matrix


def a_matrix(
    folder: Path, mutants: list[tuple[str, str, str]], variants: list[list[str]], *, complete: bool = True
) -> Path:
    value: dict[str, Any] = {
        "mutants": [
            {"entry": {"name": name, "caught_by": clause}, "verdict": verdict, "reason": "because"}
            for name, clause, verdict in mutants
        ],
        "variants": [{"false_alarms": alarms} for alarms in variants],
        "totals": {"complete": complete},
    }
    path = folder / "matrix.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_each_clause_has_its_count(tmp_path: Path) -> None:
    mutants = [("a", "VIS-01", "caught"), ("b", "VIS-01", "missed"), ("c", "MET-03", "unmeasured")]
    found = load_matrix(a_matrix(tmp_path, mutants, [[], ["VIS-02 [x]: no"]]))
    assert found.by_clause == {"MET-03": (0, 1, 1), "VIS-01": (1, 0, 2)}
    assert found.missed == (("b", "because"),)
    assert found.sentence == "1 of 3 mutants caught, 1 not measurable here; 1 false alarm on 2 variants"


def test_a_matrix_that_is_not_complete_says_so(tmp_path: Path) -> None:
    found = load_matrix(a_matrix(tmp_path, [], [[], []], complete=False))
    assert found.sentence.endswith("; 0 false alarms on 2 variants, of which part of the suite judged each")


def test_a_matrix_of_nothing_has_caught_none_of_none(tmp_path: Path) -> None:
    found = load_matrix(a_matrix(tmp_path, [], []))
    assert found.sentence == "0 of 0 mutants caught; 0 false alarms on 0 variants"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mutants": [1], "variants": []}', '{"mutants": 3, "variants": []}'])
def test_another_file_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "matrix.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"matrix\.json: not a matrix of mutants .*tox -e mutants"):
        load_matrix(path)


def test_a_matrix_of_another_kit_is_refused(tmp_path: Path) -> None:
    path = a_matrix(tmp_path, [], [])
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "kit_files": "ab"}), encoding="utf-8")
    assert load_matrix(path, "ab").variants == 0
    with pytest.raises(ValueError, match="another kit made it"):
        load_matrix(path, "cd")


def test_a_verdict_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the verdict 'perhaps'"):
        load_matrix(a_matrix(tmp_path, [("a", "VIS-01", "perhaps")], []))
