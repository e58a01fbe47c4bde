"""The draft of an issue: plain words for a maintainer who has not heard of the kit, safe to paste anywhere."""

import re
from dataclasses import replace
from pathlib import Path

from conformance.commands.report_bug.issue import draft, without_folders
from conformance.commands.report_bug.plan import planned
from conformance.contract.manifest import Manifest
from conformance.reporting.results import Header, Result

HEADER = Header(
    kit="1.0",
    implementation={"name": "demo", "version": "3.2"},
    platform={"system": "linux", "release": "6.1", "machine": "x86_64"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={},
)
MANIFEST = Manifest("demo", "javascript", "replace", ("writer",), "serve", Path(), "demo", ("node", "x.mjs"))
TRACE = ["   0 openat       create x.tmp", "→  1 rename       rename x.tmp → x"]
FAILURE = Result(
    "PWR-01",
    "every_disk_state_is_old_or_new:replace",
    "xfail",
    "known failure: no sync (https://example.org/1); seen: power cut after operation 1: the target is empty",
    {"trace": TRACE},
)


def draft_of(*results: Result, manifest: Manifest = MANIFEST, header: Header = HEADER) -> str:
    (report,) = planned(results)
    return draft(report, header, manifest)


def test_it_says_what_a_user_loses_how_to_see_it_and_what_the_fix_usually_is() -> None:
    text = draft_of(FAILURE, replace(FAILURE, case="every_disk_state_is_old_or_new:first"))
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        "# No fsync before the rename: a power cut can leave an empty or partial file",
        "## What a user loses",
        "## What happens",
        "## How to see it",
        "## What the fix usually is",
        "## Where it was seen",
    ]
    assert "\npower cut after operation 1: the target is empty.\n" in text
    assert "known failure" not in text
    assert "\n".join(("```text", *TRACE, "```")) in text
    assert "\n- PWR-01 `every_disk_state_is_old_or_new:first`\n" in text
    assert "\n```sh\npython3 repro.py\n```\n" in text
    assert "Attach this folder: repro.py needs the files beside it." in text
    assert "Found by pulse-kit " in text
    assert "\nIn Node: " in text
    assert "demo 3.2, linux 6.1 x86\\_64, ext4." in text


def test_how_the_program_is_built_is_said() -> None:
    text = draft_of(FAILURE, manifest=replace(MANIFEST, setup=(("npm", "ci"), ("make", "a b"))))
    assert "and so does one after a change of it: `npm ci`, `make 'a b'` in `program`." in text


def test_where_there_is_no_script_it_says_so() -> None:
    repeat = "pulse conformance --impl '/home/me/x y/implementation.toml' --clause MET-04"
    manifest = replace(MANIFEST, source="/home/me/x y/implementation.toml")
    text = draft_of(Result("MET-04", "link", "fail", "was replaced", repro=repeat), manifest=manifest)
    assert "There is no script for this one" in text
    assert "repro.py" not in text
    assert "pulse conformance --impl program/implementation.toml --clause MET-04" in text
    assert "/home/me" not in text


def test_a_command_that_was_judged_without_a_manifest_is_repeated_as_it_was() -> None:
    repeat = "pulse conformance --command 'sponge {path}' --clause MET-04"
    manifest = replace(MANIFEST, source="command:sponge {path}")
    text = draft_of(Result("MET-04", "link", "fail", "was replaced", repro=repeat), manifest=manifest)
    assert f"\n{repeat}\n" in text
    assert "Attach this folder" not in text


def test_folders_of_the_run_are_left_out() -> None:
    said = "ENOENT: open '/tmp/a/run-8x_y0123/cases/gw1-91/status.json'"
    assert without_folders(said) == "ENOENT: open 'status.json'"
    assert "run-8x" not in draft_of(replace(FAILURE, message=said))


def test_hostile_text_stays_text() -> None:
    hostile = "@me <img src=x> | `a` [b](https://example.org)\n# c\u202e"
    header = replace(HEADER, implementation={"name": hostile, "version": hostile}, file_system=hostile)
    text = draft_of(
        Result("MET-04", hostile, "fail", hostile, {"trace": [hostile, "```"]}, repro=hostile),
        Result("MET-04", hostile, "fail", hostile),
        header=header,
    )
    assert "\u202e" not in text
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert outside.count("[b") == outside.count(r"\[b") > 0
    assert "<img" not in outside
    assert "\n# c" not in outside
    assert "@me" not in outside
