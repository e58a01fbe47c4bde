"""SPEC.md, clauses.toml and the kit say the same."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import conformance.clauses
from conformance.subject.manifest import load_manifest
from conformance.subject.protocol import decode_answer

FOLDER = Path(conformance.clauses.__file__).parent
SPEC = (FOLDER / "SPEC.md").read_text(encoding="utf-8")
# Not load_clauses(): a dictionary would hide an id that occurs twice.
ENTRIES = tomllib.loads((FOLDER / "clauses.toml").read_text(encoding="utf-8"))["clause"]
PARTS = ("What", "Why", "Evidence", "Measured by")
ENGINE_OF_THE_CLAUSE_IS_MISSING = "reported as unmeasured where the engine is not available"
MARKS = {"must": "", "should": " (SHOULD)", "informative": " (INFORMATIVE)"}
OPERATIONS = ("start", "write", "replace", "read", "poll", "progress", "stop")


@dataclass(frozen=True)
class Section:
    """One ``### ID — title`` of SPEC.md, and the ``## `` heading above it."""

    group: str
    heading: str
    body: str

    @property
    def id(self) -> str:
        return self.heading.split()[0]

    def part(self, name: str) -> str:
        found = re.findall(rf"^- \*\*{name}\*\* (.+)$", self.body, flags=re.MULTILINE)
        assert len(found) == 1, f"{self.id} has {len(found)} parts {name!r}"
        return str(found[0])


def sections_of(text: str) -> list[Section]:
    sections = []
    for group in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        group_heading, _, rest = group.partition("\n")
        for section in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            heading, _, body = section.partition("\n")
            if re.match(r"[A-Z]{3}-\d", heading):
                sections.append(Section(group_heading, heading, body))
    return sections


SECTIONS = sections_of(SPEC)
each_clause = pytest.mark.parametrize(
    ("section", "entry"),
    list(zip(SECTIONS, ENTRIES, strict=False)),
    ids=[section.id for section in SECTIONS[: len(ENTRIES)]],
)


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SPEC, flags=re.MULTILINE | re.DOTALL)


def messages_in_tables() -> list[str]:
    return re.findall(r"`(\{\"id\":.*?\})`", SPEC)


def test_the_ids_are_those_of_the_index_in_its_order() -> None:
    assert [section.id for section in SECTIONS] == [entry["id"] for entry in ENTRIES]


def test_no_id_occurs_twice() -> None:
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) == len(set(ids))


@each_clause
def test_the_heading_has_the_title_and_marks_a_level_below_must(section: Section, entry: dict[str, str]) -> None:
    assert section.heading == f"{entry['id']}{MARKS[entry['level']]} — {entry['title']}"


@each_clause
def test_a_clause_stands_in_its_group(section: Section, entry: dict[str, str]) -> None:
    letters = entry["id"].partition("-")[0]
    assert section.group == f"{letters} — {conformance.clauses.GROUP_TITLES[letters]}"


@each_clause
def test_a_clause_has_its_four_parts_in_order(section: Section, entry: dict[str, str]) -> None:
    assert tuple(re.findall(r"^- \*\*(.+?)\*\* .", section.body, flags=re.MULTILINE)) == PARTS


@each_clause
def test_the_words_of_a_clause_are_as_strong_as_its_level(section: Section, entry: dict[str, str]) -> None:
    words = set(re.findall(r"\b(?:MUST|SHOULD)\b", section.part("What")))
    assert words == {"must": {"MUST"}, "should": {"SHOULD"}, "informative": set()}[entry["level"]]


@each_clause
def test_a_clause_that_needs_a_special_engine_says_that_it_may_be_unmeasured(
    section: Section, entry: dict[str, str]
) -> None:
    needs_engine = entry["engine"] in ("trace", "powercut", "windows")
    assert (ENGINE_OF_THE_CLAUSE_IS_MISSING in section.part("Measured by")) is needs_engine


@each_clause
def test_a_clause_says_first_what_its_engine_does_or_that_there_is_none(
    section: Section, entry: dict[str, str]
) -> None:
    begins = {
        "trace": "the syscall engine",
        "powercut": "`pulse stress powercut`",
        "windows": "the Windows engine",
    }
    measured = section.part("Measured by")
    assert [engine for engine, words in begins.items() if measured.startswith(words)] == [
        engine for engine in begins if engine == entry["engine"]
    ]


def test_the_example_manifest_is_one_that_the_kit_accepts(tmp_path: Path) -> None:
    [example] = code_blocks("toml")
    path = tmp_path / "implementation.toml"
    path.write_text(example, encoding="utf-8")
    manifest = load_manifest(path, frozenset(entry["id"] for entry in ENTRIES), source="example")
    assert (manifest.mode, manifest.profile, manifest.symlink) == ("serve", "replace", "follow")
    assert [known.clause for known in manifest.known_failures] == ["MET-01"]


def test_the_example_document_has_the_six_members() -> None:
    [example] = code_blocks("json")
    assert list(json.loads(example)) == ["status", "epoch", "total_epochs", "loss", "message", "timestamp"]


def test_every_request_shown_is_one_of_the_protocol() -> None:
    requests = [message for code in messages_in_tables() if "op" in (message := json.loads(code))]
    assert tuple(request["op"] for request in requests) == OPERATIONS


def test_every_answer_shown_is_one_that_the_kit_accepts() -> None:
    answers = [code for code in messages_in_tables() if '"op"' not in code]
    assert len(answers) > len(OPERATIONS)
    for code in answers:
        decode_answer(code.encode("utf-8"), json.loads(code)["id"])


def test_every_link_of_the_table_of_contents_leads_to_a_heading() -> None:
    headings = re.findall(r"^## (.+)$", SPEC, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#(.+?)\)", SPEC)
    assert links
    assert set(links) <= anchors
