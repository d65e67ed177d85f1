"""The table of tested clients is what the tests of clients do."""

from __future__ import annotations

import pytest

from tests.clients.mirrors import MIRRORS
from tests.clients.reading import READERS
from tests.clients.running_lab import TlsMode
from tests.clients.sending import SENDERS
from tests.docs.documents import ROOT, table

_ROWS = {row[0]: row[1:] for row in table((ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8"))}
_READERS = {name: name.removesuffix("-imap").removesuffix("-pop3") for name in READERS}
_TESTED_ELSEWHERE = {"mutt", "Thunderbird"}


def test_every_client_has_its_row() -> None:
    """Every client of the tables of senders, readers and mirrors has a row, and no other but those with own tests."""
    assert set(_ROWS) == {*SENDERS, *_READERS.values(), *MIRRORS} | _TESTED_ELSEWHERE


@pytest.mark.parametrize("name", sorted({*SENDERS, *_READERS.values()}))
def test_what_a_client_does(name: str) -> None:
    """Its row says whether it sends, which protocols it reads, how it gets to TLS and how it can log in."""
    readers = [READERS[row] for row in READERS if _READERS[row] == name]
    modes = {mode for reader in readers for mode in reader.modes} | (set(TlsMode) if name in SENDERS else set())
    mechanisms = [one for reader in readers for one in reader.mechanisms]
    mechanisms += SENDERS[name].mechanisms if name in SENDERS else ()
    assert _ROWS[name][1:] == [
        "yes" if name in SENDERS else "",
        ", ".join(sorted({reader.protocol.upper() for reader in readers})),
        "both" if modes == set(TlsMode) else "implicit only",
        ", ".join(dict.fromkeys(mechanisms)),
    ]
