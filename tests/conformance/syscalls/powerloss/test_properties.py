"""Properties of the power-loss model for arbitrary operations."""

from collections.abc import Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.syscalls.operations import Operation
from conformance.syscalls.powerloss.content import Content
from conformance.syscalls.powerloss.effects import changed, file_names_after
from conformance.syscalls.powerloss.model import Before, distinct_states, judge
from conformance.syscalls.powerloss.simulation import effects_of
from conformance.syscalls.powerloss.states import MODELS, States, cuts_of
from conformance.syscalls.tracer.calls import TraceError
from tests.conformance.syscalls.powerloss.language import trace

BEFORE = Before("target", 6, 4, {"other": 3})
NAMES = ("target", "temp", "other")
SYNCS = ("sync temp", "sync target", "sync-folder", "sync-all")
Folder = tuple[tuple[str, Content], ...]

names = st.sampled_from(NAMES)
lines = st.one_of(
    st.builds("{} {}".format, st.sampled_from(("create", "open", "open-truncating", "open-dsync", "unlink")), names),
    st.builds(
        "{} {} {} {}".format,
        st.sampled_from(("write", "truncate", "allocate", "map")),
        names,
        st.integers(0, 6),
        st.integers(0, 4),
    ),
    st.builds("{} {}".format, st.sampled_from(("sync", "sync-range", "msync", "unmap", "close", "failed sync")), names),
    st.builds("{} {} {}".format, st.sampled_from(("rename", "link", "exchange", "unfinished rename")), names, names),
    st.sampled_from(("sync-folder", "sync-all", "rename /elsewhere/file target")),
)
# Lists that begin like a write get further than arbitrary lists.
texts = st.builds(
    lambda start, rest: [*start, *rest],
    st.sampled_from(((), ("create temp", "write temp 4"), ("open target", "create temp", "write temp 4", "sync temp"))),
    st.lists(lines, min_size=1, max_size=8),
)


def followed(text: Sequence[str]) -> list[Operation]:
    """The operations, if the model can follow them: most arbitrary lists could not happen."""
    operations = trace("; ".join(text))
    try:
        effects_of(operations, BEFORE)
    except TraceError:
        assume(False)
    return operations


def folders(operations: Sequence[Operation], model: str) -> list[set[Folder]]:
    """The allowed folders of each cut."""
    effects = effects_of(operations, BEFORE)
    states = States(effects, BEFORE.target)
    chosen = next(each for each in MODELS if each == model)
    return [{state.files for state in states.at(cut, chosen)} for cut in cuts_of(operations, effects)]


def targets(operations: Sequence[Operation]) -> set[Content | None]:
    """All contents of the target after a cut at the end of the trace."""
    effects = effects_of(operations, BEFORE)
    states = States(effects, BEFORE.target)
    last = cuts_of(operations, effects)[-1]
    return {state.content("target") for model in MODELS for state in states.at(last, model)}


def really(operations: Sequence[Operation]) -> Folder:
    """The folder when there is no power cut."""
    effects = effects_of(operations, BEFORE)
    contents = [file.content for file in effects.files]
    for change in effects.data:
        contents[change.file] = changed(contents[change.file], change)
    return tuple(
        (name, contents[file]) for name, file in sorted(file_names_after(effects.names_before, effects.names).items())
    )


@given(texts)
def test_a_journal_allows_nothing_that_unordered_names_do_not(text: list[str]) -> None:
    operations = followed(text)
    for ordered, unordered in zip(folders(operations, "ordered"), folders(operations, "unordered"), strict=True):
        assert ordered <= unordered


def test_a_journal_does_not_let_a_later_name_overtake_an_earlier_one() -> None:
    operations = trace("unlink other; rename target temp")
    overtaken = dict(really(trace("rename target temp")))
    assert any(dict(folder) == overtaken for folder in folders(operations, "unordered")[-1])
    assert not any(dict(folder) == overtaken for folder in folders(operations, "ordered")[-1])


@given(texts)
def test_what_the_running_system_shows_is_always_allowed(text: list[str]) -> None:
    operations = followed(text)
    for model in MODELS:
        assert really(operations) in folders(operations, model)[-1]


@given(texts)
def test_before_the_first_operation_only_the_initial_state_is_allowed(text: list[str]) -> None:
    operations = followed(text)
    assert folders(operations, "unordered")[0] == {really(trace("stat target"))}


@given(texts, st.data())
def test_one_more_sync_allows_nothing_new(text: list[str], data: st.DataObject) -> None:
    text = [line for line in text if "map" not in line]  # a sync settles what a mapping changed, which is another write
    assume(text)
    position = data.draw(st.integers(0, len(text)))
    more = [*text[:position], data.draw(st.sampled_from(SYNCS)), *text[position:]]
    # The operations after the sync have other numbers; here they get the same ones.
    with_sync = followed(more)
    without = [operation for operation in with_sync if operation.number != position]
    assert targets(with_sync) <= targets(without)


@given(texts)
def test_a_sync_of_everything_leaves_one_state(text: list[str]) -> None:
    assume(not any("unfinished" in line for line in text))
    operations = followed([*text, "sync-all"])
    assert targets(operations) == {dict(really(operations)).get("target")}


@given(st.lists(lines, min_size=1, max_size=12))
def test_any_operations_are_judged_or_are_an_error_of_the_kit(text: list[str]) -> None:
    operations = trace("; ".join(text))
    try:
        judgement = judge(operations, BEFORE)
    except TraceError:
        return
    assert judgement.distinct == len(distinct_states(operations, BEFORE)) <= judgement.states
