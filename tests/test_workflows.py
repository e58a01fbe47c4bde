"""Continuous integration runs everything: `.ci/run` each environment of plain `tox`, the workflows all of them."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
NOT_IN_A_WORKFLOW = {"bench"}
"""Benchmarks mean something only on a quiet machine."""


def tox() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    return parser


def test_ci_run_runs_what_plain_tox_runs_and_wine() -> None:
    plain = set(tox()["tox"]["env_list"].split(", "))
    (groups,) = re.findall(r"CI_PARTS:-([\w, ]+)\}", (ROOT / ".ci" / "run").read_text("utf-8"))
    parts = re.split("[, ]", groups)
    assert set(parts) == plain | {"wine"}
    assert len(parts) == len(set(parts))


def test_each_environment_is_run_by_a_workflow() -> None:
    run = {
        environment
        for workflow in WORKFLOWS.glob("*.yml")
        for names in re.findall(r"\btox\S* -e ([\w,]+)", workflow.read_text("utf-8"))
        for environment in names.split(",")
    }
    known = {section.removeprefix("testenv:") for section in tox().sections() if section.startswith("testenv:")}
    assert known - run == NOT_IN_A_WORKFLOW
