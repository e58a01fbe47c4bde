"""Commands with places for the path and the text."""

import pytest

from conformance.contract.templates import filled, in_words, is_template, takes_input, words_of, wrong


def test_the_places_are_filled_wherever_they_are() -> None:
    assert filled(("sponge", "{path}"), "/a b/f") == ("sponge", "/a b/f")
    assert filled(("dd", "of={path}", "if={input}"), "/f", "/i") == ("dd", "of=/f", "if=/i")
    assert filled(("cp", "{input}", "{path}"), "/{input}", "/{path}") == ("cp", "/{path}", "/{input}")


def test_only_a_command_with_a_path_is_a_template() -> None:
    assert is_template(("sponge", "{path}"))
    assert not is_template(("./save", "path"))
    assert takes_input(("cp", "{input}", "{path}"))
    assert not takes_input(("sponge", "{path}"))


@pytest.mark.parametrize(
    "words",
    [
        ("./save",),
        ("sponge", "{path}"),
        ("sh", "-c", 'cat > "$1"', "sh", "{path}"),
        ("sh", "save.sh", "{path}"),
        ("{python}", "-c", "…", "{path}"),
    ],
)
def test_templates_that_can_be_used(words: tuple[str, ...]) -> None:
    assert wrong(words) == ""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("cp", "{input}"), "has {input} and no {path}"),
        (("{path}", "x"), "is to be a program"),
        (("sed", "s/a/b/", "|", "sponge", "{path}"), "only a shell knows"),
        (("sh", "-c", "cat > {path}"), "in the text of a shell"),
        (("/bin/bash", "-ec", 'cat {input} > "$1"', "sh", "{path}"), "has {input} in the text of a shell"),
    ],
)
def test_templates_that_cannot_be_used(words: tuple[str, ...], problem: str) -> None:
    assert problem in wrong(words)


def test_a_template_as_one_text() -> None:
    assert words_of("sh -c 'cat > \"$1\"' sh {path}") == ("sh", "-c", 'cat > "$1"', "sh", "{path}")
    for text in ("", "sponge f", "sponge '{path}", "cat | sponge {path}"):
        with pytest.raises(ValueError, match=r"has no|quotation|shell"):
            words_of(text)


def test_which_exit_codes_are_answers() -> None:
    assert [in_words(codes) for codes in [(1,), (1, 2), tuple(range(1, 126)), (2, 255)]] == [
        "0 and 1",
        "0 to 2",
        "0 to 125",
        "0, 2 and 255",
    ]
