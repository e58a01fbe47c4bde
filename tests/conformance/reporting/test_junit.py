"""The verdict in junit.xml."""

from pathlib import Path
from xml.etree import ElementTree

from conformance.contract.clauses import load_clauses
from conformance.reporting.junit import write_junit
from conformance.reporting.results import Result, Verdict
from conformance.reporting.verdict import decide


def properties(tmp_path: Path, verdict: Verdict | None) -> dict[str | None, str | None]:
    written = tmp_path / "written.xml"
    written.write_text(
        '<testsuites><testsuite tests="1" hostname="box-17"><testcase name="&lt;x&gt;"/></testsuite></testsuites>'
    )
    write_junit(written, tmp_path / "junit.xml", verdict)
    assert "box-17" not in (tmp_path / "junit.xml").read_text(encoding="utf-8")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert [element.tag for element in suite] == ["properties", "testcase"]
    assert suite[1].get("name") == "<x>"
    return {element.get("name"): element.get("value") for element in suite[0]}


def test_the_suite_has_the_verdict_and_what_was_measured(tmp_path: Path) -> None:
    verdict = decide([Result("DOC-01", "*", "pass")], load_clauses(), (), "linux", strict=False, complete=True)
    every = len(load_clauses())
    assert properties(tmp_path, verdict) == {"verdict": "inconclusive", "measured": f"1 of {every} clauses"}


def test_what_no_one_could_see_is_an_escape(tmp_path: Path) -> None:
    written = tmp_path / "written.xml"
    written.write_text(
        '<testsuites><testsuite><testcase name="a\u202eb"><failure message="c\u2066">1\n2\u200b&#133;</failure>'
        "</testcase></testsuite></testsuites>",
        encoding="utf-8",
    )
    write_junit(written, tmp_path / "junit.xml", None)
    [case] = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert (case.get("name"), case[0].get("message"), case[0].text) == (r"a\u202eb", r"c\u2066", "1\n2\\u200b\\x85")


def test_a_run_that_did_not_finish_has_none(tmp_path: Path) -> None:
    assert properties(tmp_path, None) == {"verdict": "none: the run did not finish"}
