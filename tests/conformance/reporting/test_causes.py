"""Failures of one cause, by their evidence."""

import dataclasses

import pytest

from conformance.reporting.causes import causes, explained
from conformance.reporting.results import Result

TOKEN = "total_epochs is {}, not a number with a fraction or an exponent"


def fail(clause: str, message: str, case: str = "case") -> Result:
    return Result(clause, case, "fail", message)


def error(clause: str, message: str, stderr: str = "", case: str = "case") -> Result:
    return Result(clause, case, "error", message, {"stderr": stderr}, blame="implementation")


def test_a_wrong_token_is_the_business_of_the_clause_of_its_member() -> None:
    results = [
        fail("DOC-01", f"the target does not hold one valid document: {TOKEN.format(3)}"),
        fail("DOC-05", TOKEN.format(0), "integer:0"),
        fail("LIF-01", f"the target does not hold one valid document: {TOKEN.format(2)}", "a"),
        fail("LIF-01", f"the target does not hold one valid document: {TOKEN.format(2)}", "b"),
        fail("CON-01", f"torn: a reader saw bytes that are not one document ({TOKEN.format(0)}) (in 29 reads)"),
    ]
    [cause] = causes(results)
    assert (cause.first, set(map(id, cause.others))) == (results[1], {id(results[n]) for n in (0, 2, 3, 4)})
    assert cause.sentence == (
        "DOC-05 [integer:0] explains 4 more (DOC-01, LIF-01: 2, CON-01): "
        "total_epochs is 0, not a number with a fraction or an exponent"
    )
    assert explained([cause]).keys() == {("DOC-01", "case"), ("LIF-01", "a"), ("LIF-01", "b"), ("CON-01", "case")}


def test_a_document_with_something_else_wrong_is_not_explained_by_a_token() -> None:
    assert causes([fail("DOC-05", TOKEN.format(0)), fail("DOC-01", f"{TOKEN.format(0)}; loss is missing")]) == []


def test_epoch_is_not_the_end_of_total_epochs() -> None:
    assert causes([fail("DOC-05", TOKEN.format(0)), fail("DOC-04", TOKEN.format(0).removeprefix("total_"))]) == []


def test_a_write_that_is_refused_everywhere_in_the_same_words_is_one_cause() -> None:
    said = "the write was answered with io: [Errno 2] No such file or directory: '/tmp/run-{0}/cases/main-{0}/x.tmp'"
    results = [fail("VIS-07", said.format(1)), fail("MET-01", said.format(20))]
    [cause] = causes(results)
    assert (cause.first, cause.others) == (results[0], (results[1],))
    assert cause.text.startswith("a write is answered with io: [Errno 2] No such file")
    assert causes([results[0], fail("MET-01", "the write was answered with io: disk full")]) == []


UNLIKE = "the target does not hold the document that was written: "


@pytest.mark.parametrize(
    ("member", "clause", "own", "elsewhere"),
    [
        ("message", "DOC-07", "the message is not the one given", "message is 'ab' instead of 'a, loss is b'"),
        ("epoch", "DOC-04", "epoch is 2.0, expected 2.5", "epoch is 2.0 instead of 2.5"),
    ],
)
def test_another_value_of_one_member_is_the_business_of_its_clause(
    member: str, clause: str, own: str, elsewhere: str
) -> None:
    results = [fail("VIS-07", f"{UNLIKE}{elsewhere}"), fail(clause, own)]
    [cause] = causes([*results, fail("VIS-01", f"{UNLIKE}epoch is 1.0 instead of 2.0, loss is 1.0 instead of 2.0")])
    assert (cause.first, cause.others) == (results[1], (results[0],))
    assert cause.text == f"{member} is not the one that was given"


def test_what_shows_that_the_target_is_written_in_place_is_one_cause() -> None:
    results = [
        fail("VIS-04", "no complete file was given the target's name: it was written to in place"),
        fail("VIS-01", "the first document was written in place, under the target's name: create status.json"),
        fail("VIS-08", "the target appeared empty: create status.json"),
    ]
    [cause] = causes(results)
    assert (cause.first, cause.others) == (results[1], (results[0], results[2]))


def test_acknowledged_documents_that_are_not_there_are_one_cause() -> None:
    said = "answered ok, but the target still holds a document from before: lost, or published late"
    results = [fail("VIS-01", said), fail("CON-02", said)]
    [cause] = causes([*results, fail("MET-05", "the target does not hold the document that was written: …")])
    assert (cause.first, cause.others) == (results[0], (results[1],))
    assert cause.text == "a write that was answered ok is lost, or published late"


@pytest.mark.parametrize(
    ("message", "stderr", "same"),
    [
        ("ended with exit code -25 instead of answering", "", True),
        ("ended with exit code 101 instead of answering", "thread 'main' panicked at src/main.rs:7", True),
        ("ended with exit code 101 instead of answering", "", False),
        ("ended with exit code -9 instead of answering", "", False),
        ("gave no answer within 10 s and was killed", "busy", False),
    ],
)
def test_a_death_needs_a_signal_or_the_same_last_words(message: str, stderr: str, same: bool) -> None:
    results = [error("FLT-01", message, f"{stderr}\n"), error("KIL-02", message, stderr)]
    assert bool(causes(results)) is same


def test_answers_that_are_none_are_one_cause() -> None:
    said = 'a failure must say "error": one of invalid, io, unsupported: b\'{{"id":{}}}\''
    [cause] = causes([error("REF-01", said.format(1)), error("FLT-01", said.format(2))])
    assert cause.first.clause == "REF-01"


def test_hangs_in_process_are_one_cause_on_whichever_system_and_however_long() -> None:
    text = "does not end on {} within {} s when file calls fail"
    first = error("FLT-01", text.format("a fake linux", "120"))
    others = [
        error("FLT-01", text.format("the real file system", "20")),
        error("KIL-01", text.format("a fake linux", "120")),
    ]
    [cause] = causes([first, *others])
    assert (cause.first, list(cause.others)) == (first, others)
    assert cause.text == "it does not end on a fake linux within 120 s when file calls fail"


def test_a_case_that_failed_twice_does_not_explain_itself() -> None:
    said = "the old file was written to instead of being replaced"
    twice = [fail("VIS-01", said, "every_write_of_the_run") for _ in range(2)]
    found = causes([*twice, fail("VIS-04", "it was written to in place")])
    assert found[0].first.clause == "VIS-01"
    assert explained(found).keys() == {("VIS-04", "case")}


def test_one_clause_alone_is_no_cause_and_what_passed_or_is_known_belongs_to_none() -> None:
    failure = fail("DOC-05", TOKEN.format(0))
    assert causes([failure, fail("DOC-05", TOKEN.format(1), "other")]) == []
    for outcome in ("pass", "xfail", "xpass", "unmeasured"):
        assert causes([failure, dataclasses.replace(failure, clause="DOC-01", outcome=outcome)]) == []
    kit = Result("DOC-01", "case", "error", "ended with exit code -9", blame="kit")
    assert causes([kit, dataclasses.replace(kit, clause="DOC-02")]) == []


def test_the_cause_that_explains_most_comes_first() -> None:
    said = "the write was answered with io: no"
    results = [
        *(fail(clause, said) for clause in ("MET-01", "MET-02")),
        *(fail(clause, TOKEN.format(0)) for clause in ("DOC-05", "LIF-01", "LIF-02")),
    ]
    assert [len(cause.others) for cause in causes(results)] == [2, 1]
