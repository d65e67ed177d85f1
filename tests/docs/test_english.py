"""Plain English: phrases that readers stumbled over stay out of what users read, and sentences are short."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labserver.cli.parser import every_command, make_parser
from tests.docs.documents import DOCUMENTS, ROOT, sentences

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST = 30
"""Words in a sentence that is read at first sight."""
_PAGE = 150
"""Lines of README."""

_STUMBLED = (
    "A certificate in words",
    "a farewell |",
    "accepts, against security",
    "algorithm that nobody knows",
    "another CA than the lab's",
    "append what is said to",
    "are no UTF-8",
    "as some tools have it",
    "Beside it stands",
    "CA made for the occasion",
    "clients are told localhost",
    "did not get to judge",
    "does as it likes",
    "Every word but",
    "everybody can read it in ps",
    "find the lab and trust its CA",
    "for whom (default",
    "free ports, told",
    "gets-through: it neither",
    "go on with what happens from now on",
    "has them for who",
    "how much to tell (",
    "how the servers that get them",
    "how to meet it by hand",
    "is no CA",
    "is no port",
    "is no ready file",
    "is no transcript",
    "is no whole number",
    "known-bad servers (and",
    "lest the page",
    "let this shell's programs",
    "lets nobody have a hosts file",
    "makes no sense on",
    "may vouch for",
    "no parser gets through",
    "no whole number above 0",
    "nobody need verify",
    "none is a secret then",
    "of a kind that nobody knows",
    "own anchor",
    "pass its exit code on",
    "passwords are published: do not",
    "print everything that is known",
    "print what was said",
    "Reached as:",
    "run what?",
    "says of itself",
    "so may LABSERVER_USERS",
    "something could not be judged",
    "tells every word that was said",
    "that CRLs, CAs and OCSP are to be had",
    "the lie in bytes",
    "there is no such one;",
    "throws everything away when it stops",
    "TLS from the first octet",
    "To be trusted:",
    "To get it wrong is",
    "to which no signature can be had",
    "version 4, which there is not",
    "vouch for this domain",
    "what happened; `!` marks",
    "What was said, before and after TLS",
    "Who trusts such a CA",
    "wrong in known ways",
    "| does not go on |",
)
"""Each with a plainer way to say it, which is what is there now."""
_READ = (
    *DOCUMENTS,
    *("certs/README.md", "compose/README.md", "lab"),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "labserver").rglob("*.py"))),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "certs" / "recipes").glob("*.toml"))),
)


def _found(text: str) -> list[str]:
    plain = re.sub(r"\s+", " ", text)
    return [phrase for phrase in _STUMBLED if phrase in plain]


@pytest.mark.parametrize("name", _READ)
def test_plain_words(name: str) -> None:
    """What users read has none of the phrases that made a first reader stop."""
    assert _found((ROOT / name).read_text(encoding="utf-8")) == []


def test_phrases_are_found_across_lines(tmp_path: Path) -> None:
    """A phrase is found wherever lines break."""
    (tmp_path / "x.md").write_text("It is signed by a CA\n  made for the occasion.")
    assert _found((tmp_path / "x.md").read_text()) == ["CA made for the occasion"]


def test_readme_is_short() -> None:
    """README is read in a sitting."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= _PAGE


def test_sentences_of_readme_are_short() -> None:
    """README has no sentence that wants a second reading for its length."""
    assert _long(sentences((ROOT / "README.md").read_text(encoding="utf-8"))) == []


def test_sentences_of_help_are_short() -> None:
    """Neither has the help of any command."""
    helped = [text for text in _helped(make_parser(*every_command())) if text]
    assert len(helped) > len(every_command())
    assert _long([sentence for text in helped for line in text.splitlines() for sentence in sentences(line)]) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two!\nThree?", ["One.", "Two!", "Three?"]),
        ("One\ngoes on.\n\n* Two\n* Three", ["One goes on.", "* Two", "* Three"]),
        ("| One | two |\n|---|---|\n| three | four |", ["One", "two", "---", "---", "three", "four"]),
        ("One `code. With words`.\n```\na block\n```\nTwo [a link](to/it.md).", ["One `code`.", "Two [a link]."]),
        ("See version 1.2 of RFC 5280.", ["See version 1.2 of RFC 5280."]),
    ],
)
def test_what_a_sentence_is(text: str, found: list[str]) -> None:
    """Sentences end where a reader stops."""
    assert sentences(text) == found


def _long(found: list[str]) -> list[str]:
    return [sentence for sentence in found if len(sentence.split()) > _LONGEST]


def _helped(parser: argparse.ArgumentParser) -> Iterator[str | None]:
    """Yield every text in the help of a command and of those below it."""
    yield from (parser.description, parser.epilog)
    for group in parser._action_groups:  # noqa: SLF001 -- argparse tells them nowhere else
        yield from (group.title, group.description)
    for action in parser._actions:  # noqa: SLF001 -- the same
        yield action.help
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _helped(below)
