"""``scripts/examples.py`` finds the examples of a page and compares what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.examples import examples_of, missing

PAGE = """\
1. In a list:

   ```console
   $ pulse read status.json
   {
     "epoch": 2.5
   }
   ```

```console
$ one
…
$ two
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_examples_of_a_page(page: Path) -> None:
    found = [(one.line, one.command, one.output) for one in examples_of(page)]
    assert found == [
        (4, "pulse read status.json", ("{", '  "epoch": 2.5', "}")),
        (11, "one", ("…",)),
        (13, "two", ()),
    ]


def test_block_without_command_is_refused(page: Path) -> None:
    page.write_text("```console\nno command\n```\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md:3"):
        list(examples_of(page))


def test_numbers_may_differ_and_words_may_not() -> None:
    printed = ["12 passed in 3.45s", "temp .0123456789abcdef.tmp is left"]
    assert missing(("11 passed in 2.3s", "…", "temp …"), printed) == []
    assert missing(("11 failed in 2.3s",), printed) == ["11 failed in 2.3s"]


def test_order_counts() -> None:
    assert missing(("second", "first"), ["first", "second"]) == ["first"]
