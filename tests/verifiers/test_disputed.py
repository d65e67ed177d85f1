"""What is called disputed is so: verifiers differ about it today, and nobody could forge it without a CA's help."""

from __future__ import annotations

import re
from datetime import date

import pytest

from labserver.pki.recipe_files import all_recipes
from labserver.pki.specification import Verdict
from tests.verifiers.__main__ import RECORD
from tests.verifiers.record import read

DISPUTED = {name: spec for name, spec in all_recipes().items() if spec.disputed}
_WORDS = re.compile(r"[A-Z].{20,}; accepted by (?P<programs>.+) \((?P<seen>\d{4}-\d{2}-\d{2})\)")
_LEAST = 3
"""So many programs at least have to accept it: one may be wrong, and another use the same library."""
_BREAKABLE = re.compile(r"rsa(512|768|1024)|rsa-exponent-.*|.*-md[245]|none|unknown|p192")
"""Kinds of key and signature that somebody can break, or could for years: whoever does needs no CA."""


def test_there_are_some() -> None:
    """This module is about something."""
    assert DISPUTED


@pytest.mark.parametrize("name", DISPUTED)
def test_words(name: str) -> None:
    """The words have a reason, programs with their versions as the table has them, and the day."""
    said = _WORDS.fullmatch(DISPUTED[name].disputed)
    assert said is not None, "REASON; accepted by PROGRAM VERSION, … (YEAR-MONTH-DAY)"
    date.fromisoformat(said["seen"])
    table = read(RECORD)
    programs = said["programs"].split(", ")
    assert len(set(programs)) >= _LEAST
    for program in programs:
        verifiers = [one for one, version in table.versions.items() if program in version.split(", ")[:1]]
        assert verifiers, f"docs/VERIFIERS.md has no {program}"
        assert table.scenarios[name][verifiers[0]] == "accepted", f"{program} does not accept it"


@pytest.mark.parametrize("name", DISPUTED)
def test_verifiers_differ(name: str) -> None:
    """It has to be rejected, and somebody does."""
    assert DISPUTED[name].verdict is Verdict.REJECT
    assert set(read(RECORD).scenarios[name].values()) - {"accepted", "unmet"}


@pytest.mark.parametrize("name", DISPUTED)
def test_nobody_can_forge_it(name: str) -> None:
    """Its signatures are right up to what clients trust, and its keys are not to be broken."""
    spec = DISPUTED[name]
    certificates = (spec.leaf, *spec.authorities.values())
    assert not [kind for one in certificates for kind in (one.key, one.signature) if _BREAKABLE.fullmatch(kind)]
    assert not any(one.corrupt or one.key_of or one.inner_signature for one in certificates)
    assert spec.proof == "leaf", "the server has the key"
    assert not spec.revocation, "that a certificate was revoked is no opinion"
    issuers = {one.issuer for one in certificates if one.issuer}
    assert issuers <= {*spec.authorities, *spec.anchors, "lab"}
