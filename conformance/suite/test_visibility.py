"""VIS: what a reader can see of a write, without tracing."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.oracle.document import shown
from conformance.oracle.inotify import Event, FolderWatch, publishes, writes_to
from conformance.oracle.payload import encode, make_status
from conformance.reporting.results import counted
from conformance.runner.case import Case
from conformance.subject.client import Implementation
from conformance.suite.helpers.launch_prefixes import make_link
from conformance.suite.support.polling import polled_for_existence
from conformance.suite.support.together import fewer

# Bytes of the documents that are written one after the other: growing, shrinking, and at both ends of the range.
SIZES = (0, 256, 4096, 1 << 20, 100, 65_536, 65_535, 131_073, 0, 1 << 20, 1 << 19, 300)
WRITES = 20
NAMES = 130  # writes, more than what a counter of few digits or bits may hold: 64, 100 or 128
NOT_BESIDE = "no file beside the target was renamed onto it: the temp is elsewhere, or nothing was replaced"
# More on Windows: several calls there leave a moment without a target, and no engine sees every operation.
POLLED_WRITES = 150 if sys.platform == "win32" else 40


def status_of_size(sequence: int, size: int) -> dict[str, object]:
    """A status whose document stays within 1 MiB even when it is written with indentation."""
    return make_status(writer=0, sequence=sequence, size=min(size, (1 << 20) - 512))


def events_of_writes(case: Case, target: Path, count: int, size: int = 4096) -> list[tuple[Event, ...]]:
    """The folder's events during writes that replace an existing target, one tuple per write."""
    case.require_ok(case.publish(target, make_status(0, 0, size)))
    found = []
    with FolderWatch(target.parent) as watch:
        for sequence in range(1, count + 1):
            case.require_ok(case.publish(target, make_status(0, sequence, size)))
            found.append(watch.events())
    case.require_holds(target, make_status(0, count, size))
    return found


def temp_of(events: tuple[Event, ...], target: str) -> str:
    """The name that the target's new file had in the same folder before the rename. Raises Unmeasured."""
    arrivals = [event for event in publishes(events, target) if event.kind == "moved-to"]
    for arrival in arrivals:
        for event in events:
            if event.kind == "moved-from" and event.cookie == arrival.cookie:
                return event.name
    raise Unmeasured(f"{NOT_BESIDE} (see VIS-02)")


@pytest.mark.clause("VIS-01")
@pytest.mark.parametrize("size", [0, 4096, 1 << 18])
def test_second_name_keeps_the_old_bytes(case: Case, size: int) -> None:
    """A hard link to the old file is a witness: writing to the target itself would change it too.

    The kit makes the link. A writer that declares to refuse such a target must do so, and leave it alone, by whatever
    path it is asked.
    """
    old, new = make_status(0, 1, size), make_status(0, 2, size // 2)
    case.require_ok(case.publish(case.target, old))
    witness = case.folder / "witness"
    try:
        os.link(case.target, witness)
    except OSError as error:
        raise Unmeasured(f"the file system has no hard links ({error}); choose another with --dir") from error
    before = witness.read_bytes()
    if case.run.manifest.hard_link == "refuse":
        for path, words in paths_to_the_target(case):
            answer = case.publish(path, new)
            if answer.ok:
                raise Violation(f"declared to refuse a target with a second name (a hard link), but answered ok{words}")
            if witness.read_bytes() != before or not os.path.samefile(witness, case.target):
                raise Violation(f"refused a target with a second name, as declared, but changed it{words}")
        return
    answer = case.publish(case.target, new)
    if not answer.ok:
        case.require_room(answer)
        raise Violation(
            f"the write was answered with {answer.error}: {answer.message}. The kit had given the target a second name "
            '(a hard link) as a witness; a writer that refuses such targets declares [declares] hard_link = "refuse"'
        )
    case.require_holds(case.target, new)
    if (after := witness.read_bytes()) != before:
        raise Violation(
            "the old file was written to instead of being replaced", before=shown(before), after=shown(after)
        )
    if os.path.samefile(witness, case.target):
        raise Violation("the target is still the old file: nothing was replaced")


def paths_to_the_target(case: Case) -> Iterator[tuple[Path, str]]:
    """The plain path, one through a linked folder, and one behind a link, where links are followed; and words for it.

    Where the system makes no links, the plain path alone.
    """
    yield case.target, ""
    beside = case.folder / "beside"
    beside.mkdir()
    with contextlib.suppress(Unmeasured):
        make_link(beside / "shortcut", str(case.folder))
        yield beside / "shortcut" / case.target.name, " in a linked folder"
        if case.run.manifest.symlink == "follow":
            make_link(beside / "link.json", str(case.target))
            yield beside / "link.json", " behind a link"


@pytest.mark.clause("VIS-01")
@pytest.mark.parametrize("size", [0, 4096, 1 << 18])
def test_no_event_on_the_target_but_the_replace(case: Case, size: int) -> None:
    for events in events_of_writes(case, case.target, 3, size):
        touched = writes_to(events, case.target.name)
        if touched:
            what = ", ".join(dict.fromkeys(event.kind for event in touched))
            raise Violation(
                f"the target itself was opened for writing, changed or removed: {what}",
                events=[str(event) for event in events],
            )


@pytest.mark.clause("VIS-01")
def test_folder_of_the_target_stays(case: Case) -> None:
    """A folder that is exchanged takes the target away with it, and every other file that is in it by then."""
    for sequence in range(3):
        case.require_ok(case.publish(case.target, make_status(0, sequence)))
        case.run.folders.require_kept()


@pytest.mark.clause("VIS-02")
def test_temp_lies_beside_the_target(case: Case) -> None:
    for events in events_of_writes(case, case.target, 3):
        try:
            temp_of(events, case.target.name)
        except Unmeasured as error:
            raise Violation(NOT_BESIDE, events=[str(event) for event in events]) from error


@pytest.mark.clause("VIS-03")
def test_temp_names_are_unique(case: Case) -> None:
    count = fewer(case, NAMES, WRITES)
    names = [temp_of(events, case.target.name) for events in events_of_writes(case, case.target, count)]
    if len(set(names)) != len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        used = counted(len(set(names)), "names")
        raise Violation(f"{len(names)} writes used only {used} for their temps", repeated=repeated[:5])
    if case.run.manifest.profile == "pulse":
        wrong = [name for name in names if not name.endswith(".tmp")]
        if wrong:
            raise Violation("the temp's name does not end in .tmp", names=wrong[:3])


@pytest.mark.clause("VIS-03")
@pytest.mark.parametrize("pair", ["a.json a.toml", "a.json a", "a.tmp a.json", "a.json a.json.tmp"])
def test_siblings_have_temps_of_their_own(case: Case, pair: str) -> None:
    """Whatever is derived from a name (its stem, its extension) must not make two targets share a temp."""
    one, other = (case.folder / name for name in pair.split())
    bytes_of_one = events_of_writes(case, one, 3)
    temps = {temp_of(events, one.name) for events in bytes_of_one}
    others = {temp_of(events, other.name) for events in events_of_writes(case, other, 3)}
    shared = (temps & others) | (temps & {other.name}) | (others & {one.name})
    if shared:
        raise Violation(f"{one.name} and {other.name} share a temp", names=sorted(shared))
    case.require_holds(one, make_status(0, 3, 4096))


@pytest.mark.clause("VIS-03")
@pytest.mark.parametrize("name", ["x.tmp", "x.json.tmp", ".tmp", "~x", "x~", "x.json.new", "x.bak"])
def test_target_with_the_name_of_a_temp(case: Case, name: str) -> None:
    target = case.folder / name
    for sequence in range(3):
        case.require_ok(case.publish(target, make_status(0, sequence)))
        case.require_holds(target, make_status(0, sequence))
    case.require_listing(case.folder, {name}, "after three writes")


@pytest.mark.clause("VIS-04")
def test_one_replace_a_write(case: Case) -> None:
    for events in events_of_writes(case, case.target, WRITES):
        count = len(publishes(events, case.target.name))
        if count != 1:
            raise Violation(f"one write replaced the target {count} times", events=[str(event) for event in events])


@pytest.mark.clause("VIS-07")
def test_sizes_leave_no_tail(case: Case) -> None:
    for sequence, size in enumerate(SIZES):
        status = status_of_size(sequence, size)
        case.require_ok(case.publish(case.target, status), f"a document of about {len(encode(status))} bytes")
        case.require_bytes(case.target, status)


@pytest.mark.clause("VIS-07")
def test_old_file_of_any_size_is_replaced(case: Case) -> None:
    for size in (0, 1, 99, 1 << 20, (1 << 20) + 1):
        case.target.write_bytes(b"#" * size)
        case.require_ok(case.publish(case.target, make_status(0, size)))
        case.require_bytes(case.target, make_status(0, size))


TEXTS = {
    "empty": "",
    "line-ends": "a\nb\r\nc\rd\u0085e\u2028f\n",
    "not-ascii": "эпоха é 🎉 \ufeff \uffff",
    "control-characters": "".join(map(chr, range(0x20))) + "\x7f",
    "json-escapes": '"\\u0041" \\n',
}


@pytest.mark.clause("VIS-07")
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_kept_to_the_byte(case: Case, name: str) -> None:
    """Profile ``replace``: the target holds the UTF-8 bytes of the text, in any environment."""
    if case.run.manifest.profile != "replace":
        raise NotApplicable("documents of this profile are judged by value")
    plain = case.start(environment={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    for writer in (case.implementation, plain):
        case.require_ok(case.request("replace", writer, path=str(case.target), text=TEXTS[name]))
        case.require_bytes(case.target, {}, TEXTS[name])


@pytest.mark.clause("VIS-08")
@pytest.mark.parametrize("size", [0, 4096, 1 << 18])
def test_one_document_a_write(case: Case, size: int) -> None:
    """Each new file that gets the target's name, and each change of the file under it, is a document to a reader."""
    for events in events_of_writes(case, case.target, 3, size):
        documents = [*publishes(events, case.target.name)]
        documents += [event for event in writes_to(events, case.target.name) if event.kind == "modify"]
        if len(documents) != 1:
            raise Violation(f"one write published {len(documents)} documents", events=[str(event) for event in events])


@pytest.mark.clause("VIS-08")
def test_first_write_publishes_one_document(case: Case) -> None:
    """Without an old target, an empty file must not appear under its name first."""
    first: Implementation = case.implementation
    with FolderWatch(case.folder) as watch:
        case.require_ok(case.publish(case.target, make_status(0, 1, 4096), by=first))
        events = watch.events()
    published = publishes(events, case.target.name)
    # Opened for writing and closed without a change is for VIS-01 to judge.
    changed = [event for event in writes_to(events, case.target.name) if event.kind != "close-write"]
    if len(published) != 1 or changed:
        what = f"published {len(published)} times" if len(published) != 1 else f"then changed: {changed[0].kind}"
        raise Violation(f"the first document did not appear at once: {what}", events=[str(event) for event in events])


@pytest.mark.clause("VIS-05")
def test_target_is_never_missing(case: Case) -> None:
    """Between deleting the old file and moving the new one there is a moment without either, as with ReplaceFileW."""
    count = fewer(case, POLLED_WRITES, 20)
    case.require_ok(case.publish(case.target, make_status(0, 0)))
    with polled_for_existence(case) as polls:
        for sequence in range(1, 1 + count):
            case.require_ok(case.publish(case.target, make_status(0, sequence)))
            polls.writes += 1
    polls.require_never_missing()
