"""The hash chain of results.jsonl."""

import hashlib
import json

from conformance.reporting.chain import START, follows, linked


def test_a_line_has_its_link_as_the_last_member() -> None:
    line, link = linked('{"a": 1}', START)
    assert link == hashlib.sha256(b"0" * 64 + b'{"a": 1}').hexdigest()
    assert json.loads(line) == {"a": 1, "chain": link}


def test_a_line_follows_the_one_before_and_no_other() -> None:
    first, link = linked('{"a": 1}', START)
    second, last = linked('{"a": 2}', link)
    assert follows(first.encode(), START) == link
    assert follows(second.encode(), link) == last
    assert follows(second.encode(), START) is None
    assert follows(first.encode(), link) is None


def test_what_has_no_link_follows_nothing() -> None:
    assert follows(b"", START) is None
    assert follows(b'{"a": 1}', START) is None
    assert follows(b'{"chain": "x"}', START) is None


def test_a_member_named_chain_in_the_evidence_is_only_evidence() -> None:
    line, link = linked('{"evidence": ", \\"chain\\": \\"0\\"}"}', START)
    assert follows(line.encode(), START) == link
