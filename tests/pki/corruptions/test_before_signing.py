"""Claims about corruptions of the part that is signed: each changes what its name says, and nothing else."""

from __future__ import annotations

import pytest

from labserver.pki import der
from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.corruptions.before_signing import BEFORE_SIGNING

SERIAL, KEY = der.integer(3), der.sequence()
EXTENSIONS = der.explicit(3, der.sequence(der.NULL))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("version-1-written-out", (SERIAL, KEY), (der.explicit(0, der.integer(0)), SERIAL, KEY)),
        ("extensions-empty", (SERIAL, KEY), (SERIAL, KEY, der.explicit(3, der.sequence()))),
        (
            "unique-identifiers",
            (SERIAL, KEY, EXTENSIONS),
            (SERIAL, KEY, bytes.fromhex("81020001"), bytes.fromhex("82020002"), EXTENSIONS),
        ),
    ],
)
def test_difference(name: str, before: tuple[bytes, ...], after: tuple[bytes, ...]) -> None:
    """One element is added, where RFC 5280 4.1 has its place."""
    assert BEFORE_SIGNING[name](der.sequence(*before)) == der.sequence(*after)


def test_names() -> None:
    """A corruption is made before signing or after it, and its name tells which."""
    assert not BEFORE_SIGNING.keys() & AFTER_SIGNING.keys()
