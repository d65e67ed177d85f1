"""The tools that keep what the catalogue does take names that there are, and no others."""

from __future__ import annotations

import pytest

from tests.catalogue.words import parsed

_KNOWN = ("starttls-refused", "hold")


@pytest.mark.parametrize(
    ("words", "found"),
    [([], (False, [])), (["--write", "hold"], (True, ["hold"])), (["hold", "--write"], (True, ["hold"]))],
)
def test_what_is_chosen(words: list[str], found: tuple[bool, list[str]]) -> None:
    """Names and the option stand in any order; no name is all of them."""
    assert parsed(words, "x", "y", _KNOWN) == found


@pytest.mark.parametrize(
    ("word", "said"),
    [("starttls-refussed", "did you mean starttls-refused?"), ("--wirte", "unrecognized arguments: --wirte")],
)
def test_mistakes(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name or option is refused before anything is met."""
    with pytest.raises(SystemExit, match="2"):
        parsed([word], "x", "y", _KNOWN)
    assert said in capsys.readouterr().err
