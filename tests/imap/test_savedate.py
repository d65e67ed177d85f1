"""Claims about SAVEDATE (RFC 8514), and about extensions that bring search keys, items and properties by their row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from labserver.imap.dialect import compose
from labserver.imap.extensions.properties import PROPERTIES
from labserver.imap.extensions.table import EXTENSIONS
from labserver.imap.fetch import Item
from labserver.imap.search_keys import Brought
from labserver.imap.vocabulary import Extension
from labserver.limits import Limits
from labserver.mailstore.properties import Property
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import MemoryStorage
from tests.imap.driver import Lab, message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from labserver.imap.search_evaluation import SearchContext
    from labserver.mailstore.message import Message
    from labserver.mailstore.storage import Storage

DAY = timedelta(days=1)


def storage(kind: str, path: Path, properties: Sequence[Property] = PROPERTIES) -> Storage:
    """Return a new storage."""
    if kind == "memory":
        return MemoryStorage(properties=properties)
    return SqliteStorage(path / "lab.db", properties=properties)


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return a kind of storage."""
    return str(request.param)


@pytest.fixture
def dated(kind: str, tmp_path: Path) -> Lab:
    """Return a lab with three messages, saved on 23, 24 and 25 November 2026, with an internal date of 2024."""
    lab = Lab(storage=storage(kind, tmp_path))
    for subject in ("one", "two", "three"):
        lab.deliver(message(subject))
        lab.clock.moment += DAY
    return lab


def test_capability(lab: Lab) -> None:
    """It is announced after login (4.1)."""
    (line,) = lab.client().ok("CAPABILITY")
    assert b" SAVEDATE " in line + b" "
    (line,) = lab.client(without={"SAVEDATE"}).ok("CAPABILITY")
    assert b"SAVEDATE" not in line


def test_fetch(dated: Lab) -> None:
    """FETCH tells when a message was saved here, not its internal date (4.2); a flag does not change that (3)."""
    client = dated.selected()
    saved = b'SAVEDATE "23-Nov-2026 12:00:00 +0000"'
    assert client.ok("FETCH 1 SAVEDATE") == [b"* 1 FETCH (%b)" % saved]
    client.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    date = b'INTERNALDATE "01-Feb-2024 12:00:00 +0000"'
    assert client.ok("UID FETCH 1 (savedate INTERNALDATE)") == [b"* 1 FETCH (UID 1 %b %b)" % (saved, date)]


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_copies(dated: Lab, command: str) -> None:
    """The save date of a copy is when it was copied; its internal date is the original's (3)."""
    dated.selected().ok(f"{command} 1 Sent")
    client = dated.selected("Sent")
    (line,) = client.ok("FETCH 1 (SAVEDATE INTERNALDATE)")
    assert b'SAVEDATE "26-Nov-2026 12:00:00 +0000"' in line
    assert b"Feb-2024" in line


def test_append(dated: Lab) -> None:
    """APPEND saves now, whatever date it gives."""
    client = dated.selected()
    client.ok('APPEND INBOX " 1-Jan-2001 00:00:00 +0000" {1+}\r\nx')
    assert client.ok("FETCH 4 SAVEDATE") == [b'* 4 FETCH (SAVEDATE "26-Nov-2026 12:00:00 +0000")']


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("SAVEDBEFORE 24-Nov-2026", b" 1"),
        ("SAVEDBEFORE 23-Nov-2026", b""),
        ("SAVEDON 24-Nov-2026", b" 2"),
        ('savedon "24-Nov-2026"', b" 2"),
        ("SAVEDSINCE 24-Nov-2026", b" 2 3"),
        ("NOT SAVEDSINCE 24-Nov-2026", b" 1"),
        ("OR SAVEDON 23-Nov-2026 SAVEDON 25-Nov-2026", b" 1 3"),
        ("SAVEDATESUPPORTED", b" 1 2 3"),
        ("SAVEDATESUPPORTED SAVEDON 25-Nov-2026 SUBJECT three", b" 3"),
        ("ON 24-Nov-2026", b""),
        ("SINCE 1-Feb-2024 BEFORE 2-Feb-2024", b" 1 2 3"),
    ],
)
def test_search(dated: Lab, key: str, found: bytes) -> None:
    """The keys go by the day of the save date (4.3), alone and with others."""
    assert dated.selected().ok(f"SEARCH {key}") == [b"* SEARCH" + found]


@pytest.mark.parametrize("rest", ["SAVEDON", "SAVEDON 1", "SAVEDBEFORE 31-Feb-2026", "SAVEDATESUPPORTED 1-Jan-2026"])
def test_mistakes(dated: Lab, rest: str) -> None:
    """A day is a day."""
    assert dated.selected().do(f"SEARCH {rest}")[-1].startswith(b"BAD ")


@pytest.mark.parametrize(
    ("command", "answer"), [("SORT (ARRIVAL)", b"* SORT 2"), ("THREAD REFERENCES", b"* THREAD (2)")]
)
def test_the_rest_of_the_family(dated: Lab, command: str, answer: bytes) -> None:
    """SORT and THREAD look for them as well."""
    assert dated.selected().ok(f"{command} UTF-8 SAVEDON 24-Nov-2026") == [answer]


def test_without_support(kind: str, tmp_path: Path) -> None:
    """A store that keeps none answers NIL, and goes by the internal date (4.2 and 4.3)."""
    lab = Lab(storage=storage(kind, tmp_path, ()))
    lab.deliver(message("one"))
    client = lab.selected()
    assert client.ok("FETCH 1 SAVEDATE") == [b"* 1 FETCH (SAVEDATE NIL)"]
    assert client.ok("SEARCH SAVEDATESUPPORTED") == [b"* SEARCH"]
    assert client.ok("SEARCH SAVEDON 1-Feb-2024") == [b"* SEARCH 1"]
    assert client.ok("SEARCH SAVEDSINCE 2-Feb-2024") == [b"* SEARCH"]


def test_from_an_old_file(tmp_path: Path) -> None:
    """A message that was in the file before has no save date: NIL, and its internal date in searches."""
    old = Lab(storage=storage("sqlite", tmp_path, ()))
    old.deliver(message("one"))
    old.store.close()
    lab = Lab(storage=storage("sqlite", tmp_path))
    lab.deliver(message("two"))
    client = lab.selected()
    assert client.ok("FETCH 1:2 SAVEDATE") == [
        b"* 1 FETCH (SAVEDATE NIL)",
        b'* 2 FETCH (SAVEDATE "23-Nov-2026 12:00:00 +0000")',
    ]
    assert client.ok("SEARCH SAVEDBEFORE 23-Nov-2026") == [b"* SEARCH 1"]
    assert client.ok("SEARCH SAVEDATESUPPORTED") == [b"* SEARCH 1 2"]
    lab.store.close()


COLOUR = Property(name="colour", begins=lambda _moment, original: 7 if original is None else original + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coloured(Brought):
    colour: int

    def test(self, context: SearchContext) -> Callable[[Message], bool]:
        return lambda message: context.properties.value(COLOUR.name, message) == self.colour


def test_another_extension(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the table is enough: capability, item, search key, and a property in both kinds of storage."""
    item = Item(
        name=b"COLOUR",
        render=lambda view, one: b"COLOUR %d" % (view.mailbox.properties.value(COLOUR.name, one) or 0),
    )
    row = Extension(
        name="COLOUR",
        reference="",
        capabilities=("COLOUR",),
        fetch_items={b"COLOUR": lambda _: item},
        search_keys={b"COLOURED": lambda reader: _Coloured(colour=reader.argument().number())},
        properties=(COLOUR,),
    )
    monkeypatch.setitem(EXTENSIONS, row.name, row)
    lab = Lab(storage=storage(kind, tmp_path, (*PROPERTIES, COLOUR)))
    lab.deliver(message("one"), message("two"))
    client = lab.selected()
    client.ok("COPY 2 INBOX")
    assert client.ok("FETCH 1:* COLOUR") == [
        b"* 1 FETCH (COLOUR 7)",
        b"* 2 FETCH (COLOUR 7)",
        b"* 3 FETCH (COLOUR 8)",
    ]
    assert client.ok("SEARCH COLOURED 8") == [b"* SEARCH 3"]
    assert client.ok("SEARCH SAVEDON 23-Nov-2026 NOT COLOURED 7") == [b"* SEARCH 3"]
    (line,) = client.ok("CAPABILITY")
    assert line.endswith(b" COLOUR")
    other = lab.selected(without={"COLOUR"})
    assert other.do("FETCH 1 COLOUR")[-1].startswith(b"BAD ")
    assert other.do("SEARCH COLOURED 7")[-1].startswith(b"BAD ")


def test_keys_are_shared_out() -> None:
    """No two extensions bring the same key, and the core has none of theirs."""
    core = compose(frozenset(), Limits()).search_keys
    brought = [key for extension in EXTENSIONS.values() for key in extension.search_keys]
    assert len(brought) == len(set(brought))
    assert not core.keys() & set(brought)
    assert {b"MODSEQ", b"OLDER", b"$", b"SAVEDON"} <= set(brought)
