"""Which words are mechanisms, and so no passwords."""

from __future__ import annotations

import pytest

from labserver.mechanisms import SASL_MECHANISMS, known_mechanism
from labserver.sasl.table import MECHANISMS


def test_every_mechanism_of_the_lab() -> None:
    """What the lab speaks is among them, and names have SASL's form (RFC 4422 3.1, and what came before it)."""
    assert set(MECHANISMS) <= SASL_MECHANISMS
    assert all(len(name) <= 25 and name == name.upper() and name.isascii() for name in SASL_MECHANISMS)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("plain", "PLAIN"),
        ("Scram-Sha-256-Plus", "SCRAM-SHA-256-PLUS"),
        ("NTLM", "NTLM"),
        ("s3cret", ""),
        ("PLAIN2", ""),
        ("AHMzY3JldAA=", ""),
        ("", ""),
    ],
)
def test_known(word: str, known: str) -> None:
    """A mechanism is known in any case of letters; another word is nothing."""
    assert known_mechanism(word) == known
