"""Thousands of commands that seeds decide, to the lab and to Dovecot: answers are equal, or explained.

``pytest -m soak tests/differential`` sends 100,000, or as many as ``RANDOM_COMMANDS`` says, from the seed on that
``RANDOM_SEED`` says.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.differential.compare import Difference, differences
from tests.differential.grammar import script
from tests.differential.wire import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.differential.wire import Server

pytestmark = pytest.mark.differential

_COMMANDS = 150
"""Of one script; more would make the state richer, and what follows a difference harder to read."""
_SCRIPTS = 20
_RARE = "? "
"""In front of an explanation that covers so much that few scripts may need it."""
_FOR_ONE_RARE = 300
"""Scripts, of which one may need such an explanation."""
_users = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explained:
    """Lines that only one of the two may have in answer to some commands."""

    text: str
    command: re.Pattern[str]
    lab: re.Pattern[str]
    dovecot: re.Pattern[str]


def _read(path: Path) -> Iterator[_Explained]:
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith(("#", "=", "  ")):
            entry = re.fullmatch(r"(.*) -> (.*?) ?<> ?(.*)", line)
            assert entry, f"not a line of {path.name}: {line!r}"
            lab, dovecot = (re.compile(text or r"(?!)") for text in entry.groups()[1:])
            yield _Explained(text=line, command=re.compile(entry[1].removeprefix(_RARE)), lab=lab, dovecot=dovecot)


EXPLAINED = tuple(_read(Path(__file__).with_name("explained_random.txt")))


def _explaining(difference: Difference) -> set[str] | None:
    """Return the entries that explain a difference, line by line; None when a line remains."""
    command = difference.command.partition(" ")[2]
    entries = [entry for entry in EXPLAINED if entry.command.match(command)]
    found: set[str] = set()
    for pattern, lines in (("lab", difference.lab), ("dovecot", difference.dovecot)):
        for line in lines:
            explaining = {entry.text for entry in entries if getattr(entry, pattern).match(line)}
            if len(explaining) > 1:  # what covers much is not needed where another explains
                explaining = {text for text in explaining if not text.startswith(_RARE)}
            if not explaining:
                return None
            found |= explaining
    return found


def _until_dovecot_ends(found: Iterable[Difference]) -> Iterator[Difference]:
    for difference in found:
        yield difference
        if CLOSED.decode() in difference.dovecot:
            return


def _check(lab: Server, dovecot: Server, seeds: range) -> set[str]:
    """Run the scripts of these seeds; return what of the explanations was needed."""
    needed: list[str] = []
    for seed in seeds:
        found = differences(script(seed, _COMMANDS), lab, dovecot, f"random{next(_users)}")
        explained = [(difference, _explaining(difference)) for difference in _until_dovecot_ends(found)]
        surprising = [str(difference) for difference, entries in explained if entries is None]
        assert not surprising, "\n".join([f"seed {seed}", *surprising])
        needed += set().union(*(entries or () for _, entries in explained))
    assert sum(text.startswith(_RARE) for text in needed) <= 1 + len(seeds) // _FOR_ONE_RARE, needed
    return set(needed)


def test_random_commands(our_imap: Server, dovecot_imap: Server) -> None:
    """Some thousand commands over a few mailboxes are answered alike."""
    assert _check(our_imap, dovecot_imap, range(_SCRIPTS))


@pytest.mark.soak
def test_many_random_commands(our_imap: Server, dovecot_imap: Server) -> None:
    """A hundred thousand are, too."""
    first, commands = int(os.environ.get("RANDOM_SEED", "1000")), int(os.environ.get("RANDOM_COMMANDS", "100000"))
    assert _check(our_imap, dovecot_imap, range(first, first + -(-commands // _COMMANDS)))


@pytest.mark.parametrize(
    ("lab", "dovecot", "explained"),
    [
        ((), ("* FLAGS (key1)",), True),
        (("* 1 FETCH (FLAGS ())",), (), True),
        (("* 1 FETCH (FLAGS ())",), ("* 1 FETCH (FLAGS (key1))",), False),
        (("t BAD",), ("t OK",), False),
    ],
)
def test_explanations_are_narrow(lab: tuple[str, ...], dovecot: tuple[str, ...], *, explained: bool) -> None:
    """A line that no explanation covers is a difference, whatever else is explained beside it."""
    difference = Difference(command=r"A STORE 1 -FLAGS (key1)", lab=lab, dovecot=dovecot)
    assert (_explaining(difference) is not None) is explained


def test_seeds() -> None:
    """A seed makes the same script every time, and another makes another."""
    assert script(1, 200) == script(1, 200)
    assert script(1, 200).steps != script(2, 200).steps
    assert len(script(1, 200).steps) == 200
