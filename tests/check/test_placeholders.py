"""Placeholders: all that exist are filled in, what does not exist is refused, braces can be had."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.check.placeholders import PLACEHOLDERS, fill, fill_file, parse, used
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


@pytest.mark.parametrize(
    ("word", "says"),
    [("{file:x}", "there is no such file; add --file x=PATH"), ("{file:}", "add --file NAME=PATH")],
)
def test_files_on_the_command_line(word: str, says: str) -> None:
    """A file is called by its name; one that was not given is told with the option that gives it."""
    assert fill(parse(["{file:rc}"], ["rc"]), {"file:rc": "/a/path"}) == ["/a/path"]
    with pytest.raises(ConfigurationError) as refusal:
        parse([word], ["rc"])
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "filled"),
    [
        (b"host {host}:{port}", b"host <host>:<port>"),
        (
            b"poll {host} { options { {unknown} {{host}} {} } \\xff \xff",
            b"poll <host> { options { {unknown} {<host>} {} } \\xff \xff",
        ),
        (b"{file:other} {file:none}", b"/a {file:none}"),
        (b"{hos\nt}", b"{hos\nt}"),
        (b"", b""),
    ],
)
def test_files(content: bytes, filled: bytes) -> None:
    """In a file known names are replaced, and all its other braces and octets stay."""
    assert fill_file(content, VALUES | {"file:other": "/a"}) == filled


@given(st.binary())
def test_files_stay(content: bytes) -> None:
    """Whatever has no known name in it stays as it is."""
    assert fill_file(content, {"host": "x"}) == content.replace(b"{host}", b"x")


def test_used() -> None:
    """The names that a command line has are known, braces of its own not among them."""
    assert used(["{{p12}} {host}", "{port}{{"]) == {"host", "port"}


@given(st.text())
def test_escaped(text: str) -> None:
    """Any text can be said by doubling its braces."""
    assert fill(parse([text.replace("{", "{{").replace("}", "}}")]), VALUES) == [text]
