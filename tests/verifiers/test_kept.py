"""Claims about the table that is kept: it is complete, and what it shows is what recipes say, or it is told why not.

It is refreshed by ``python -m tests.verifiers --write``, which takes a minute; ``--missing`` adds new scenarios.
"""

from __future__ import annotations

import re

import pytest

from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import LAB, Verdict
from labserver.scenario import Expectation, Severity
from tests.check.test_clients import CLIENTS
from tests.verifiers.__main__ import DOCUMENT, RECORD
from tests.verifiers.document import document
from tests.verifiers.findings import Finding
from tests.verifiers.record import read
from tests.verifiers.served import judged_scenarios
from tests.verifiers.table import KEPT

REFRESH = "python -m tests.verifiers --missing --write"
SCENARIOS = judged_scenarios()
RECORDED = read(RECORD)
ROWS = RECORDED.scenarios
GRAVE = [one.id for one in SCENARIOS.values() if one.severity is Severity.CRITICAL]
GOOD = [one.id for one in SCENARIOS.values() if one.expectation is Expectation.ACCEPT]

NOBODY = {
    "ecc192": "none of them can do the curve P-192, so that no handshake gets as far as the certificate",
}
"""Chains that have to be rejected for security, and that none of these verifiers rejects for their fault: why."""
UNPOPULAR: dict[str, str] = {}
"""Good chains that most verifiers reject: why they are good all the same."""
SECOND_REASONS = {
    "eku-code-signing-critical": "pyca: a critical extended key usage, which RFC 5280 4.2.1.12 leaves to the issuer",
    "cross-signed": "nss: of two certificates of one CA it tries one, and no other",
}
"""What somebody rejects even without its fault: who, and why that is theirs to answer for."""


def test_complete() -> None:
    """Every scenario about a certificate has a row, every recipe with a fault its repaired form, nothing else has."""
    assert list(ROWS) == list(SCENARIOS), f"refresh the table: {REFRESH}"
    repairable = [name for name, spec in all_recipes().items() if spec.repaired is not None]
    assert list(RECORDED.repaired) == repairable, f"refresh the table: {REFRESH}"
    assert tuple(RECORDED.versions) == KEPT


def test_no_mail_client() -> None:
    """What is published is of TLS libraries and their tools: no row has an answer of a mail client."""
    rows = [*ROWS.values(), *RECORDED.repaired.values()]
    assert {verifier for row in rows for verifier in row} == {*KEPT}
    clients = {judged.program for judged in CLIENTS.values()} - {"curl", "python3"}  # which stand for their libraries
    for text in (DOCUMENT.read_text(encoding="utf-8"), RECORD.read_text(encoding="utf-8")):
        assert [client for client in sorted(clients) if re.search(rf"\b{client}\b", text)] == []


def test_document() -> None:
    """The document is made from what is kept."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(RECORDED, SCENARIOS), f"refresh the document: {REFRESH}"


@pytest.mark.parametrize("name", [name for name in GRAVE if name in ROWS])
def test_rejected(name: str) -> None:
    """Somebody rejects what is dangerous for its fault: the same without it is accepted by the same verifier."""
    after = RECORDED.repaired.get(name) or {}  # the oldest scenarios have no repaired form but "good"
    after = {verifier: found for verifier, found in ROWS["good"].items() if found is not Finding.ACCEPTED} | after
    witnesses = [
        verifier
        for verifier, found in ROWS[name].items()
        if found not in {Finding.ACCEPTED, Finding.UNMET} and verifier not in after
    ]
    assert bool(witnesses) is (name not in NOBODY), NOBODY.get(name, "nobody rejects it for its fault")


@pytest.mark.parametrize("name", [name for name in GOOD if name in ROWS])
def test_accepted(name: str) -> None:
    """Most verifiers accept what is good."""
    row = {verifier: found for verifier, found in ROWS[name].items() if found is not Finding.UNMET}
    most = 2 * sum(found is Finding.ACCEPTED for found in row.values()) > len(row)
    assert most is (name not in UNPOPULAR), row


def test_one_reason() -> None:
    """Without its fault a chain is rejected by nobody, or it is known by whom and why."""
    refused = RECORDED.second_reasons
    assert refused.keys() == SECOND_REASONS.keys(), refused
    for name, row in refused.items():
        assert [f"{verifier}:" for verifier in row if f"{verifier}:" in SECOND_REASONS[name]], row


def test_constraints_are_no_second_reason() -> None:
    """What the lab's own CA issues is rejected for its name constraints only where they are the fault."""
    book = all_recipes()
    rejected = [name for name, spec in book.items() if spec.verdict is Verdict.REJECT and spec.leaf.issuer == LAB]
    complaints = {
        name: [verifier for verifier, found in ROWS[name].items() if found is Finding.CONSTRAINTS]
        for name in rejected
        if book[name].topic != "constraints" and name in ROWS
    }
    assert {name: verifiers for name, verifiers in complaints.items() if verifiers} == {}


def test_notes_are_of_scenarios() -> None:
    """Nothing is explained that does not exist."""
    assert {*NOBODY, *UNPOPULAR, *SECOND_REASONS} <= {*SCENARIOS}
