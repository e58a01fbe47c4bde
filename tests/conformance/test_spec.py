"""SPEC.md, the measuring manual, clauses.toml and the kit agree with each other."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import conformance.contract.clauses
from conformance.contract.manifest import load_manifest
from conformance.subject.protocol import decode_answer

FOLDER = Path(conformance.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
OWN_PAGES = (
    "conformance/SPEC.md",
    "docs/format.md",
    "docs/glossary.md",
    "docs/measuring.md",
    "docs/pulse-v2.md",
    "docs/running.md",
)
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in OWN_PAGES}
SPEC = PAGES["conformance/SPEC.md"]
MEASURING = PAGES["docs/measuring.md"]
# Not load_clauses(): a dictionary would hide an id that occurs twice.
ENTRIES = tomllib.loads((FOLDER / "clauses.toml").read_text(encoding="utf-8"))["clause"]
ENGINE_OF_THE_CLAUSE_IS_MISSING = "reported as unmeasured where the engine is not available"
MARKS = {"must": "", "should": " (SHOULD)", "informative": " (INFORMATIVE)"}
OPERATIONS = ("start", "write", "replace", "read", "poll", "progress", "stop")
DEFINITION = re.compile(r"^\[([\w.-]+/[\w.-]+#\d+)\]: (https:\S+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One ``### ID …`` of a page, and the ``## `` heading above it."""

    group: str
    heading: str
    body: str

    @property
    def id(self) -> str:
        return self.heading.split()[0]

    @property
    def text(self) -> str:
        """The body on one line, however it is wrapped."""
        return " ".join(self.body.split())


def sections_of(text: str) -> list[Section]:
    sections = []
    for group in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        group_heading, _, rest = group.partition("\n")
        for section in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            heading, _, body = section.partition("\n")
            if re.match(r"[A-Z]{3}-\d", heading):
                sections.append(Section(group_heading, heading, body))
    return sections


SECTIONS = sections_of(DEFINITION.sub("", SPEC))
MEASURED = sections_of(MEASURING)
each_clause = pytest.mark.parametrize(
    ("section", "entry"),
    list(zip(SECTIONS, ENTRIES, strict=False)),
    ids=[section.id for section in SECTIONS[: len(ENTRIES)]],
)
each_measured_clause = pytest.mark.parametrize(
    ("section", "entry"),
    list(zip(MEASURED, ENTRIES, strict=False)),
    ids=[section.id for section in MEASURED[: len(ENTRIES)]],
)
each_page = pytest.mark.parametrize("page", OWN_PAGES)


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SPEC, flags=re.MULTILINE | re.DOTALL)


def messages(arrow: str) -> list[str]:
    """The messages shown after ``→`` (what the kit sends) or ``←`` (what the process answers)."""
    blocks = "\n".join(code_blocks("text"))
    return [" ".join(found.split()) for found in re.findall(rf"^{arrow} (.+(?:\n   .+)*)$", blocks, flags=re.MULTILINE)]


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> Iterator[tuple[str, str]]:
    """Each relative link of a page: the path from the root of the repository, and the anchor or nothing."""
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            found = (ROOT / page).parent / path if path else ROOT / page
            yield found.resolve().relative_to(ROOT).as_posix(), anchor


def test_the_ids_are_those_of_the_index_in_its_order() -> None:
    assert [section.id for section in SECTIONS] == [entry["id"] for entry in ENTRIES]


def test_no_id_occurs_twice() -> None:
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) == len(set(ids))


@each_clause
def test_the_heading_has_the_title_and_marks_a_level_below_must(section: Section, entry: dict[str, str]) -> None:
    assert section.heading == f"{entry['id']}{MARKS[entry['level']]} — {entry['title']}"


@each_clause
def test_a_clause_is_in_its_group(section: Section, entry: dict[str, str]) -> None:
    letters = entry["id"].partition("-")[0]
    assert section.group == f"{letters} — {conformance.contract.clauses.GROUP_TITLES[letters]}"


@each_clause
def test_a_clause_states_its_requirement_then_why_with_evidence_and_a_link(
    section: Section, entry: dict[str, str]
) -> None:
    requirement, *parts = re.split(r"^- ", section.body.strip(), flags=re.MULTILINE)
    assert requirement.strip()
    assert [part.split()[0] for part in parts[:2]] == ["**Why:**", "**Evidence:**"]
    assert [part.strip() for part in parts[2:]] == [f"[How it is measured](../docs/measuring.md#{entry['id'].lower()})"]


@each_clause
def test_the_words_of_a_clause_are_as_strong_as_its_level(section: Section, entry: dict[str, str]) -> None:
    requirement = section.body.partition("\n- **Why:**")[0]
    words = set(re.findall(r"\b(?:MUST|SHOULD)\b", requirement))
    assert words == {"must": {"MUST"}, "should": {"SHOULD"}, "informative": set()}[entry["level"]]


def test_the_measuring_manual_has_every_clause_in_its_order() -> None:
    assert [section.heading for section in MEASURED] == [entry["id"] for entry in ENTRIES]
    assert all(section.group == f"{section.id.partition('-')[0]} — measured" for section in MEASURED)


@each_measured_clause
def test_a_clause_that_needs_a_special_engine_says_that_it_may_be_unmeasured(
    section: Section, entry: dict[str, str]
) -> None:
    needs_engine = entry["engine"] in ("trace", "powercut", "windows")
    assert (ENGINE_OF_THE_CLAUSE_IS_MISSING in section.text) is needs_engine


@each_measured_clause
def test_the_manual_says_first_what_the_engine_of_a_clause_does(section: Section, entry: dict[str, str]) -> None:
    starts = {
        "portable": "- **Black-box",
        "trace": "- **Syscall engine",
        "powercut": "- **`pulse stress powercut`",
        "windows": "- **Windows engine",
    }
    assert section.body.strip().startswith(starts[entry["engine"]])


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
    requests = [json.loads(code) for code in messages("→")]
    assert tuple(request["op"] for request in requests) == OPERATIONS
    assert [request["id"] for request in requests] == list(range(len(OPERATIONS)))


def test_every_answer_shown_is_one_that_the_kit_accepts() -> None:
    answers = messages("←")
    assert len(answers) > len(OPERATIONS)
    for code in answers:
        decode_answer(code.encode("utf-8"), json.loads(code)["id"])


@each_page
def test_every_link_between_these_pages_leads_to_a_heading(page: str) -> None:
    found = list(links(page))
    assert found or page == "docs/glossary.md"
    for path, anchor in found:
        if path in PAGES:
            assert not anchor or anchor in slugs(PAGES[path]), f"{path}#{anchor}"


@each_page
def test_every_reference_to_a_field_report_has_its_address(page: str) -> None:
    text = PAGES[page]
    defined = dict(DEFINITION.findall(text))
    used = set(re.findall(r"\[([\w.-]+/[\w.-]+#\d+)\]", DEFINITION.sub("", text)))
    assert used == set(defined)
    for name, address in defined.items():
        assert address == f"https://github.com/{name.replace('#', '/issues/')}"
