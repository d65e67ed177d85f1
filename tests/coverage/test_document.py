"""docs/COVERAGE.md is what the catalogue's entries say that they cover, and names nothing that is not there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.services import ProtocolName
from tests.coverage.__main__ import DOCUMENT
from tests.coverage.document import document
from tests.coverage.tables import CASES, DEFECTS, ROWS, SECTIONS, cases_named, defects_named, protocols
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from labserver.scenario import Scenario

COVERING = [scenario for scenario in CATALOGUE.values() if scenario.rows]


def test_document() -> None:
    """It is up to date; ``python -m tests.coverage --write`` makes it so."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(list(CATALOGUE.values()))


def test_tables() -> None:
    """Every row is in a section, has a name of its own, and what names rows names those that there are."""
    assert {identifier[0] for identifier in ROWS} == set(SECTIONS)
    assert len({row.name for row in ROWS.values()}) == len(ROWS) >= 226
    assert all(row.does[0].isupper() and row.does.endswith(".") and row.protocols for row in ROWS.values())
    assert {row for case in CASES.values() for row in case.rows} <= set(ROWS)
    assert {row for defect in DEFECTS.values() for row in defect.rows} <= set(ROWS)


def test_rows_are_lines() -> None:
    """No line of a table is lost because another has its id."""
    folder = Path(__file__).parent
    for name, table in (("rows.txt", ROWS), ("east.txt", CASES), ("cves.txt", DEFECTS)):
        lines = [line for line in (folder / name).read_text(encoding="ascii").splitlines() if line and line[0] != "#"]
        titles = sum(line.count("|") == 1 for line in lines) if table is ROWS else 0
        assert len(lines) - titles == len(table)


def test_east() -> None:
    """The cases are as many as EAST has: 74, 43 and 59, and four with certificates for each protocol."""
    count = Counter(name.partition("/")[0] for name in CASES)
    assert count == {"imap": 74 + 4, "pop3": 43 + 4, "smtp": 59 + 4}
    assert set(count) == {protocol.value for protocol in ProtocolName} - {"lmtp"}


@pytest.mark.parametrize("scenario", COVERING, ids=[scenario.id for scenario in COVERING])
def test_protocols(scenario: Scenario) -> None:
    """A scenario covers a row in a protocol that the row is about."""
    for row in scenario.rows:
        assert {*protocols(scenario)} & {*ROWS[row].protocols}, row


def test_dialogue_covers_something() -> None:
    """Every entry of the dialogue with a fault of its own says which row it is, unless its fault is TLS's."""
    assert len(COVERING) >= 12


def test_names() -> None:
    """A case is named with its protocol, or without it for each protocol in which the entry is offered."""
    refused = CATALOGUE["starttls-refused"]
    one = replace(refused, references=("EAST: imap/Negotiation/O_4", "CVE-2016-0772, GHSA-9j88-vvj5-vhgr"))
    assert list(cases_named(one)) == ["imap/Negotiation/O_4"]
    assert list(defects_named(one)) == ["CVE-2016-0772", "GHSA-9j88-vvj5-vhgr"]
    each = replace(refused, references=("EAST: Negotiation/O_1, smtp/others/ehlo/502",))
    assert set(cases_named(each)) == {
        *(f"{protocol}/Negotiation/O_1" for protocol in ("smtp", "imap", "pop3")),
        "smtp/others/ehlo/502",
    }
    with pytest.raises(KeyError, match="O_7"):
        list(cases_named(replace(refused, references=("EAST: Negotiation/O_7",))))


def test_unknown_row() -> None:
    """An entry that names a row that is none breaks the build."""
    with pytest.raises(KeyError, match="Z99"):
        document([replace(CATALOGUE["starttls-refused"], rows=("Z99",))])
