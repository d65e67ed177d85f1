"""Placeholders: all that exist are filled in, what does not exist is refused, braces can be had."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.check.placeholders import PLACEHOLDERS, fill, parse
from labserver.errors import ConfigurationError

VALUES = {name: f"<{name}>" for name in PLACEHOLDERS}


@pytest.mark.parametrize(
    ("words", "filled"),
    [
        (["curl", "-u", "{user}:{password}", "{url}/"], ["curl", "-u", "<user>:<password>", "<url>/"]),
        (
            ["{host}", "{port}", "{ca}", "{security}", "{address}"],
            ["<host>", "<port>", "<ca>", "<security>", "<address>"],
        ),
        (["awk", "{{print $1}}"], ["awk", "{print $1}"]),
        (["{{{host}}}", "{{host}}"], ["{<host>}", "{host}"]),
        (["nothing", ""], ["nothing", ""]),
    ],
)
def test_filled(words: list[str], filled: list[str]) -> None:
    """Names in braces are replaced, doubled braces are braces."""
    assert fill(parse(words), VALUES) == filled


@pytest.mark.parametrize("word", ["{hots}", "{}", "{print $1}", "{host", "host}", "{HOST}", "{host }", "{{{hots}}}"])
def test_refused(word: str) -> None:
    """What is no placeholder is named, and so are those that are."""
    with pytest.raises(ConfigurationError, match=re.escape("{password}")) as refusal:
        parse(["cmd", word])
    assert repr(word) in str(refusal.value)


def test_values_are_not_read_again() -> None:
    """A password with braces in it stays what it is."""
    assert fill(parse(["{password}"]), VALUES | {"password": "{host}}"}) == ["{host}}"]


@given(st.text())
def test_escaped(text: str) -> None:
    """Any text can be said by doubling its braces."""
    assert fill(parse([text.replace("{", "{{").replace("}", "}}")]), VALUES) == [text]
