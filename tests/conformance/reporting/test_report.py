"""The pages made of a results file: self-contained, safe against what it shows, and saying what the file says."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import KnownFailure
from conformance.reporting.report import render, write_report
from conformance.reporting.results import Header, Result, ResultsFile
from conformance.reporting.verdict import decide

HEADER = Header(
    kit="1.0",
    implementation={
        "name": "demo writer",
        "version": "3.2",
        "language": "go",
        "profile": "pulse",
        "roles": ["writer", "reader"],
        "mode": "serve",
    },
    platform={"system": "linux", "release": "6.1", "machine": "x86_64"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={"clause": [], "case": []},
)
FAILURE = Result(
    "VIS-01",
    "in_place",
    "fail",
    "the target was opened for writing",
    {"events": ["modify status.json", "close-write status.json"], "bytes": "b'{'", "count": 3, "nothing": ""},
    repro="pulse conformance --impl demo --clause VIS-01 --case in_place",
)
RESULTS = [
    Result("DOC-01", "members:idle", "pass"),
    Result("DOC-01", "members:done", "pass"),
    FAILURE,
    Result("VIS-01", "rename", "pass"),
    Result("MET-01", "mode", "xfail", "known failure: mode lost"),
    Result("PWR-01", "*", "unmeasured", "needs the trace engine"),
    Result("RDR-01", "*", "n/a", "no role reader"),
]

Render = Callable[..., str]


@pytest.fixture
def page_of(tmp_path: Path) -> Render:
    """Write a results file and make its page."""

    def make(
        results: list[Result],
        header: Header = HEADER,
        *,
        footer: bool = True,
        known: tuple[KnownFailure, ...] = (),
        complete: bool = False,
    ) -> str:
        path = tmp_path / "results.jsonl"
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            file = ResultsFile(stream)
            file.header(header)
            for result in results:
                file.result(result)
            if footer:
                file.footer(decide(results, load_clauses(), known, "linux", strict=False, complete=complete))
        return render(path)

    return make


class Reader(HTMLParser):
    """Collects the text of a page, and checks that every element that needs an end has one."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "br", "p", "html", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "html"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)


def text_of(page: str) -> str:
    reader = Reader(page)
    assert reader.open == []
    return " ".join(" ".join(reader.words).split())


def test_the_page_refers_to_nothing_outside(page_of: Render) -> None:
    page = page_of(RESULTS)
    links = re.findall(r'<a href="(https://github.com/[^"]*)">', page)
    assert links, "the field reports of the clauses that failed; nothing is loaded from there"
    rest = re.sub(r'<a href="https://github.com/[^"]*">', "", page)
    rest = re.sub(r'<a href="#[^"]*">', "", rest)
    assert re.search(r"src\s*=|href\s*=|url\(|@import|https?:|//\w", rest) is None
    assert Reader(page).tags.isdisjoint({"link", "img", "iframe", "object", "base", "form"})


def test_the_only_script_is_the_one_that_the_policy_of_the_page_allows(page_of: Render) -> None:
    page = page_of(RESULTS)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == page.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_every_link_of_the_contents_leads_somewhere(page_of: Render) -> None:
    page = page_of(RESULTS)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {"failures", "known", "clauses", "not-measured", "specification", "environment"} < links
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_what_can_be_filtered_says_its_outcome(page_of: Render) -> None:
    assert re.findall(r'data-outcome="([^"]+)"', page_of(RESULTS)) == [
        "fail",
        "xfail",
        "pass",
        "fail",
        "unmeasured",
        "xfail",
        "n/a",
    ]


def test_what_was_judged_and_where(page_of: Render) -> None:
    text = text_of(page_of(RESULTS))
    for part in (
        "demo writer 3.2",
        "go",
        "profile pulse",
        "mode serve",
        "writer and reader",
        "linux 6.1 x86_64",
    ):
        assert part in text
    for part in ("ext4", "Python 3.13.0", "kit 1.0", "seed 7"):
        assert part in text


def test_when_it_ran_how_it_was_started_and_how_much_was_measured(page_of: Render) -> None:
    header = replace(HEADER, started="2026-11-26T19:59:20+02:00", command="pulse conformance --impl 'a b'")
    text = text_of(page_of(RESULTS, header))
    assert re.search(r"run 26 November 2026, 17:59 UTC, [0-9.]+ s ", text)
    assert "command pulse conformance --impl 'a b' " in text
    assert "cases 3 pass, 1 fail, 1 xfail, 1 unmeasured, 1 n/a " in text
    assert f"clauses 3 of 4 measured, 1 not applicable, {len(load_clauses()) - 5} not run " in text


def test_a_file_of_an_older_kit_has_no_time_and_no_command(page_of: Render) -> None:
    text = text_of(page_of(RESULTS, footer=False))
    assert "UTC" not in text
    assert "command" not in text


def test_the_operations_of_an_undisturbed_write_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    operations = [
        {"number": 0, "call": "openat", "text": "create .tmp", "error": "", "meaning": "the temp"},
        {"number": 1, "call": "renameat2", "text": "rename .tmp → status.json", "error": "File exists", "meaning": ""},
    ]
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        file = ResultsFile(stream)
        file.header(HEADER)
        file.record("write", {"scenario": "replace", "operations": operations})
        file.record("write", {"scenario": "first", "operations": operations[:1]})
    text = text_of(render(path))
    assert "0 openat create .tmp the temp 1 renameat2 rename .tmp → status.json = File exists" in text
    assert text.index("Over an old document") < text.index("Without an old document")
    assert "| 1 | renameat2 | rename .tmp → status.json = File exists |  |" in render(path, markdown=True)


def test_what_was_enumerated_is_shown_beside_the_outcome(page_of: Render) -> None:
    cuts = [Result("PWR-03", f"cut:{kind}", "pass", counts={"cuts": 1000, "in a write": 7}) for kind in ("ext4", "xfs")]
    assert "2 pass 2,000 cuts, 14 in a write" in text_of(page_of(cuts))


def test_a_failure_says_why_its_clause_exists_and_how_it_is_mended(page_of: Render) -> None:
    page = page_of(RESULTS)
    text = text_of(page)
    for part in (
        "Why: Between the truncation and the last byte",
        "Fix: Write a temp in the same folder",
        "Python: open(",
    ):
        assert text.count(part) == 2, "in the failure and in the table of clauses"
    assert '<a href="https://github.com/escoffier-labs/brigade/issues/161">escoffier-labs/brigade#161</a>' in page


def test_a_failure_is_shown_with_its_evidence_and_the_command_that_repeats_it(page_of: Render) -> None:
    text = text_of(page_of(RESULTS))
    assert "not conformant" in text
    for part in (
        FAILURE.case,
        FAILURE.message,
        FAILURE.repro,
        "modify status.json",
        "close-write status.json",
    ):
        assert part in text
    assert load_clauses()["VIS-01"].title in text
    assert "<b>nothing</b>" not in page_of(RESULTS)


def test_examples_are_shown_a_line_for_each_member(page_of: Render) -> None:
    examples = [{"found": "the target is empty", "target": "b''"}, {"found": "<b>zeros</b>"}]
    page = page_of([*RESULTS, Result("PWR-03", "case", "fail", "torn", {"examples": examples})])
    assert "found: the target is empty\ntarget: b&#39;&#39;\n\nfound: &lt;b&gt;zeros&lt;/b&gt;" in page


def test_every_failure_is_shown(page_of: Render) -> None:
    failures = [Result("VIS-01", f"case-{number}", "fail", f"message-{number}") for number in range(30)]
    text = text_of(
        page_of(
            [
                *RESULTS,
                *failures,
                Result("FLT-01", "one", "error", "died"),
                Result("FLT-02", "x", "xpass", "odd"),
            ]
        )
    )
    assert all(part in text for result in failures for part in (result.case, result.message))
    assert "died" in text
    assert "odd" in text


def test_failures_of_one_cause_are_grouped_above_them(page_of: Render) -> None:
    message = "epoch is 0, not a number with a fraction or an exponent"
    text = text_of(page_of([Result(clause, "case", "fail", message) for clause in ("DOC-04", "LIF-01")]))
    assert f" Failures DOC-04 [case] explains 1 more (LIF-01): {message} " in text


def test_a_run_without_failures_says_so(page_of: Render) -> None:
    text = text_of(page_of([Result("DOC-01", "members", "pass")]))
    assert f"1 of {len(load_clauses())} clauses selected: passed" in text
    assert "not conformant" not in text
    assert "Failures" not in text.replace("Known failures", "")
    assert "Failures" in text_of(page_of([Result("DOC-01", "members", "fail", "why")]))


def test_a_run_that_did_not_finish_has_no_verdict(page_of: Render) -> None:
    text = text_of(page_of([Result("DOC-01", "members", "pass")], footer=False))
    assert "the run did not finish: incomplete, no verdict" in text
    assert "conformant" not in text.replace("pulse conformance", "")


def test_the_reason_of_a_verdict_that_no_case_reports_is_shown(page_of: Render) -> None:
    passed = [Result("DOC-01", "members", "pass")]
    inconclusive = text_of(page_of(passed, complete=True))
    assert "inconclusive" in inconclusive
    assert "DOC-02: has no result at all" in inconclusive
    known = KnownFailure("DOC-01", "why", "https://example.org", cases=("no-such-case",))
    assert "known failure of DOC-01 [no-such-case] matches no case" in text_of(
        page_of(passed, known=(known,), complete=True)
    )


def test_every_clause_with_a_result_is_listed_with_its_outcome_and_counts(page_of: Render) -> None:
    text = text_of(page_of(RESULTS))
    for clause in {result.clause for result in RESULTS} - {"RDR-01"}:
        assert f"{clause} {load_clauses()[clause].title}" in text
    assert load_clauses()["DOC-02"].title not in text
    assert "2 pass" in text
    assert re.search(r"1 pass, 1 fail|1 fail, 1 pass", text)
    assert "needs the trace engine" in text
    assert "no role reader" in text
    assert "known failure: mode lost" in text


def test_a_selection_is_shown(page_of: Render) -> None:
    selected = Header(**{**HEADER.__dict__, "selection": {"clause": ["VIS-*"], "case": ["in_place"]}})
    assert "only VIS-*, in_place" in text_of(page_of(RESULTS, selected))
    assert "only clause VIS-* only case in_place" in text_of(page_of(RESULTS, selected))
    assert "only" not in text_of(page_of([Result("DOC-01", "members", "pass")]))


HOSTILE = "</pre><script>alert('x')</script><img src=x onerror=\"y\">&amp;{{ 7 * 7 }}"


def test_hostile_text_is_shown_and_never_obeyed(page_of: Render) -> None:
    result = Result(
        "VIS-01",
        HOSTILE,
        "fail",
        HOSTILE,
        {HOSTILE: HOSTILE, "list": [HOSTILE], "map": {"k": HOSTILE}},
        repro=HOSTILE,
    )
    about = dict.fromkeys(HEADER.implementation, HOSTILE) | {"roles": [HOSTILE]}
    header = Header(
        **{
            **HEADER.__dict__,
            "implementation": about,
            "file_system": HOSTILE,
            "selection": {"clause": [HOSTILE], "case": []},
        }
    )
    page = page_of([result, Result("MET-01", HOSTILE, "xfail", HOSTILE), Result("DOC-01", "*", "n/a", HOSTILE)], header)
    assert page.count("<script") == 1
    assert "img" not in Reader(page).tags
    text = text_of(page)
    assert text.count(HOSTILE) > 10
    assert "49" not in text


MARKED = "a | b `c` **d** <b>e</b> [f](https://example.org) @g\n# h\u202e\x1b"


def test_hostile_text_in_markdown_stays_text(tmp_path: Path, page_of: Render) -> None:
    result = Result("VIS-01", MARKED, "fail", MARKED, {MARKED: MARKED, "list": [MARKED, "```"]}, repro=MARKED)
    about = dict.fromkeys(HEADER.implementation, MARKED) | {"roles": [MARKED]}
    header = replace(HEADER, implementation=about, file_system=MARKED, command=MARKED)
    page_of([result, Result("MET-01", MARKED, "xfail", MARKED), Result("DOC-01", "*", "n/a", MARKED)], header)
    page = render(tmp_path / "results.jsonl", markdown=True)
    outside = re.sub(r"^ *(`{3,})text\n.*?^ *\1$", "", page, flags=re.DOTALL | re.MULTILINE)
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "<b>" not in outside
    assert "https:" not in outside.replace("https\\:", "")
    for line in outside.splitlines():
        cells = re.sub(r"\\.|`[^`]*`", "", line)
        assert not line.startswith("|") or cells.count("|") in (3, 4, 5, 6), line
        assert not line.startswith("# h")
        assert not re.search(r"(?<!\\)\*\*d|@g", line), line


def test_a_matrix_beside_the_results_is_shown(tmp_path: Path, page_of: Render) -> None:
    row = {"entry": {"name": "in-place", "caught_by": "VIS-01"}, "verdict": "caught", "reason": ""}
    matrix = {"mutants": [row], "variants": [], "totals": {"complete": True}}
    (tmp_path / "matrix.json").write_text(json.dumps(matrix), encoding="utf-8")
    page = page_of(RESULTS)
    assert "1 of 1 mutant caught; 0 false alarms on 0 variants" in text_of(page)
    assert hashlib.sha256((tmp_path / "matrix.json").read_bytes()).hexdigest() in page
    assert "1 of 1 mutant caught" in render(tmp_path / "results.jsonl", markdown=True)


def test_a_matrix_that_is_none_does_not_keep_a_run_from_its_report(tmp_path: Path, page_of: Render) -> None:
    (tmp_path / "matrix.json").write_text("{", encoding="utf-8")
    assert "Not shown: " in text_of(page_of(RESULTS))
    assert "Not shown: " in render(tmp_path / "results.jsonl", markdown=True)


def test_text_that_utf_8_cannot_carry_does_not_stop_the_report(tmp_path: Path) -> None:
    with (tmp_path / "results.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        file = ResultsFile(stream)
        file.header(HEADER)
        file.result(Result("DOC-07", "lone", "fail", "message is \ud800", {"name": "\udcff"}))
    write_report(tmp_path)
    for name in ("report.html", "report.md"):
        assert "message is" in (tmp_path / name).read_text(encoding="utf-8")
        assert "d800" in (tmp_path / name).read_text(encoding="utf-8")


def test_the_page_is_written_beside_the_results(tmp_path: Path, page_of: Render) -> None:
    page = page_of(RESULTS)
    write_report(tmp_path)
    assert (tmp_path / "report.html").read_bytes().decode() == page
    assert (tmp_path / "report.md").read_bytes().decode() == render(tmp_path / "results.jsonl", markdown=True)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("hello\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not a line of results"):
        render(path)


def test_without_a_version_the_title_is_the_name(page_of: Render) -> None:
    header = replace(HEADER, implementation={**HEADER.implementation, "name": "demo", "version": ""})
    assert "<h1>demo</h1>" in page_of(RESULTS, header)
