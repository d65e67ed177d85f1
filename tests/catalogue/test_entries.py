"""Entries are complete and speak one language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labserver.misbehaviours.table import KINDS
from labserver.scenario import Expectation, Scenario, Severity
from labserver.services import SERVICES
from labserver.verdicts.judge import rules_of
from labserver.verdicts.policy import default_policy
from labserver.verdicts.rules import ALWAYS, RULES
from labserver.verdicts.subject import CONTROL, subject_of
from tests.ours import CATALOGUE, written

ENTRIES = pytest.mark.parametrize("scenario", CATALOGUE.values(), ids=list(CATALOGUE))


@ENTRIES
def test_id(scenario: Scenario) -> None:
    """An id is kebab-case and fits into a host name's label (RFC 1123 2.1, RFC 1035 2.3.4)."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario.id)
    assert len(scenario.id) <= 63


@ENTRIES
def test_words(scenario: Scenario) -> None:
    """What is shown to people is there: a title, two sentences, references."""
    assert scenario.title
    assert not scenario.title.endswith(".")
    assert scenario.does.endswith(".")
    assert scenario.expects.endswith(".")
    assert all(scenario.references)
    assert scenario.references
    assert scenario.group


FORMS = re.compile(
    r"RFC [1-9]\d{2,3}(?: (?:[1-9]\d*|[A-F])(?:\.\d+)*(?: ?\([^()]+\))*)?"
    r"|CVE-(?:199|20[0-9])\d-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|(?:EAST|badssl|BetterTLS|x509-limbo): .+"
    r"|(?:FIPS|NIST SP|SEC|X\.|CA/Browser Forum (?:BR|EV Guidelines)|Mozilla Root Store Policy) ?[0-9].*"
    r"|draft-[a-z0-9-]+|[A-Z][^:;]+,(?: [^:;]+)? 20\d\d(?:, [0-9.]+)?"
)
"""What a reference looks like: a standard with its clause, a defect, a case of others, a paper with its year."""
OTHER_FORMS = frozenset(
    {
        "Apple HT210176",
        "Frankencert: which of two errors is told",
        "NIST CSOR: id-ecdsa-with-sha3-256",
        "NIST CSOR: id-rsassa-pkcs1-v1-5-with-sha3-256",
        "NSS: SEC_ERROR_REUSED_ISSUER_AND_SERIAL",
        "Netscape Certificate Extensions: netscape-cert-type",
        "Netscape Server Gated Cryptography",
        "mozilla::pkix: TimeMonthFebNotLeapYear",
    }
)
"""What has no form that others have, too."""
RFCS = {
    int(number): title
    for line in (Path(__file__).parent / "rfcs.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
    for number, title in [line.split(" | ")]
}
"""Titles of the RFCs that entries which are no certificates refer to."""


@ENTRIES
def test_references(scenario: Scenario) -> None:
    """A reference has a form by which it can be looked up, and is given once."""
    assert [one for one in scenario.references if not FORMS.fullmatch(one) and one not in OTHER_FORMS] == []
    assert len(set(scenario.references)) == len(scenario.references)


def test_rfcs() -> None:
    """The RFCs that entries refer to are those of the list, in its order: no number is a slip of the pen."""
    named = {
        int(number)
        for scenario in written().values()
        for reference in scenario.references
        for number in re.findall(r"^RFC (\d+)", reference)
    }
    assert list(RFCS) == sorted(named), "tests/catalogue/rfcs.txt"


@ENTRIES
def test_rules(scenario: Scenario) -> None:
    """Its rules exist, are named once, and are none of those that hold always."""
    assert set(scenario.rules) <= RULES.keys()
    assert len(set(scenario.rules)) == len(scenario.rules)
    assert not set(scenario.rules) & set(ALWAYS)


@ENTRIES
def test_services(scenario: Scenario) -> None:
    """Its services exist, and each can be used as a mail program ought to be told to."""
    assert scenario.services
    assert len(set(scenario.services)) == len(scenario.services)
    assert all(default_policy(SERVICES[name]).fits(SERVICES[name]) for name in scenario.services)


@ENTRIES
def test_severity(scenario: Scenario) -> None:
    """What has to be rejected is worth rejecting."""
    assert scenario.expectation is not Expectation.REJECT or scenario.severity is not Severity.NONE


@ENTRIES
def test_misbehaves(scenario: Scenario) -> None:
    """What has to be rejected misbehaves, and its control does not do the same."""
    assert scenario.expectation is not Expectation.REJECT or not scenario.honest
    assert not scenario.controlled or scenario.control_chain != scenario.chain


def test_one_place() -> None:
    """Every entry stands under its own id, and the first is the known-good control."""
    assert all(name == scenario.id for name, scenario in CATALOGUE.items())
    assert next(iter(CATALOGUE)) == CONTROL


def test_every_kind_has_an_entry() -> None:
    """Each way to misbehave is shown by a scenario that can be run by its name."""
    used = {link.kind for scenario in CATALOGUE.values() for link in scenario.chain.links}
    assert sorted(KINDS.keys() - used) == [], "kinds without an entry in labserver/catalogue/*.toml"


def test_every_rule_is_used() -> None:
    """No rule lies idle."""
    assert {rule for scenario in CATALOGUE.values() for rule in rules_of(subject_of(scenario))} == RULES.keys()
