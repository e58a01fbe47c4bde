"""Foreign text shows as it is, in HTML and in Markdown, and nothing in it is obeyed."""

import pytest

from conformance.reporting.foreign import code_block, code_span, in_markdown, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Größe, 日本語, 👩‍🚀", "plain, Größe, 日本語, 👩‍🚀"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("over\rwritten", r"over\x0dwritten"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("a\u2066b\u2069c\u200fd\ufeffe\u2028f", r"a\u2066b\u2069c\u200fd\ufeffe\u2028f"),
        ("lone \ud800", r"lone \ud800"),
        ("tag \U000e0041", r"tag \U000e0041"),
    ],
)
def test_what_no_one_could_see_becomes_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a | b", r"a \| b"),
        ("`code` *bold* _x_ ~~s~~", r"\`code\` \*bold\* \_x\_ \~\~s\~\~"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[text](javascript:x) ![i](y)", r"\[text\](javascript:x) !\[i\](y)"),
        ("https://example.org and www.example.org", r"https\://example.org and www\.example.org"),
        ("@octocat #12", r"@<!-- -->octocat \#12"),
        ("a&lt;b \\ $x$", r"a&amp;lt;b \\ \$x\$"),
        ("# title", r"\# title"),
        ("- item", "&#45; item"),
        ("1. item", "1<!-- -->. item"),
        ("1.0.3", "1.0.3"),
        ("one\n\n| two |\n---", r"one \| two \| ---"),
        ("\u202e", r"\\u202e"),
    ],
)
def test_markdown_stays_on_one_line_and_in_its_cell(text: str, markdown: str) -> None:
    assert in_markdown(text) == markdown


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("status.json", "`status.json`"),
        ("a ` b", "``a ` b``"),
        ("`x``", "``` `x`` ```"),
        ("a | b", r"<code>a \| b</code>"),
        ("two\nlines", "`two lines`"),
        ("\x1b", r"`\x1b`"),
        ("", ""),
    ],
)
def test_a_code_span_cannot_be_left(text: str, span: str) -> None:
    assert code_span(text) == span


def test_a_code_block_has_a_fence_that_no_line_of_it_closes() -> None:
    assert code_block(["a", "```", "`````", "\x1b"], "json") == "``````json\na\n```\n`````\n\\x1b\n``````"
