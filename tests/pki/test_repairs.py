"""Claims about repairs: a recipe without its one fault is accepted by everybody, so that fault alone is refused."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from labserver.pki.recipe_files import FOLDER, all_recipes
from labserver.pki.recipes import forge_spec
from labserver.pki.specification import Verdict
from tests.pki.judges import ADDRESS, HTTP, certtool, handshake, names, strictest, told

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain
    from labserver.pki.revocation import ListSpec, ResponseSpec
    from labserver.pki.specification import CertificateSpec, ChainSpec

FEW = 3
"""Keys that a repair may change at most, unless it is lawful to accept the chain as it is."""
BOOK = {name: (spec, repair) for name, spec in all_recipes().items() if (repair := spec.repaired) is not None}
EXPLICIT = {
    name
    for path in FOLDER.glob("*.toml")
    for name, table in tomllib.loads(path.read_text()).items()
    if "repair" in table
}
EVERY = pytest.mark.parametrize("name", BOOK)

GNUTLS_REFUSES: dict[str, str] = {}
"""Repaired chains that GnuTLS refuses for what else is in the recipe, and is allowed."""
STRICTEST_REFUSES = {
    "eku-code-signing-critical": "a critical extended key usage, which RFC 5280 4.2.1.12 leaves to the issuer",
}
"""The same for cryptography."""


@pytest.fixture
def repaired(name: str, pki_issuer: LabIssuer) -> Chain:
    """Return a recipe's repaired chain, made now, because the programs that judge it know no other time."""
    return forge_spec(
        BOOK[name][1],
        issuer=pki_issuer,
        entropy=pki_issuer.entropy,
        now=pki_issuer.clock.now(),
        host=names(BOOK[name][1])[0],
        names=names(BOOK[name][1]),
        http=HTTP,
    )


@EVERY
def test_openssl(name: str, repaired: Chain) -> None:
    """OpenSSL accepts the repaired chain in a handshake, by name and by address."""
    assert handshake(repaired, told(BOOK[name][1]), BOOK[name][1].engine) == 0
    assert handshake(repaired, ADDRESS, BOOK[name][1].engine) == 0


@EVERY
def test_gnutls(name: str, repaired: Chain, tmp_path: Path) -> None:
    """GnuTLS accepts the repaired chain, or it is known why not."""
    said = certtool(repaired, tmp_path, told(BOOK[name][1]))
    assert said.startswith("Verified") is (name not in GNUTLS_REFUSES), said


@EVERY
def test_strictest(name: str, repaired: Chain) -> None:
    """So does cryptography, by name and by address."""
    for host in (told(BOOK[name][1]), ADDRESS):
        said = strictest(repaired, host)
        assert (not said) is (name not in STRICTEST_REFUSES), said


@EVERY
def test_small(name: str) -> None:
    """A repair changes as little as possible: one key, unless the recipe says what; then a few."""
    spec, repair = BOOK[name]
    changed = differences(spec, repair)
    assert changed
    assert len(changed) == 1 or name in EXPLICIT, f"{name} differs from its base in {changed}: give it a repair"
    assert len(changed) <= FEW or spec.verdict is Verdict.EITHER, changed


def test_every_fault_has_a_repair() -> None:
    """Every recipe has one but those that are to be accepted, which are nowhere given one either."""
    assert BOOK.keys() == {name for name, spec in all_recipes().items() if spec.verdict is not Verdict.ACCEPT}
    assert BOOK.keys() >= EXPLICIT


def differences(one: ChainSpec, other: ChainSpec) -> list[str]:
    """Return the keys in which two chains differ, as they are written in a recipe."""
    left, right = _keys(one), _keys(other)
    return [key for key in left | right if left.get(key) != right.get(key)]


def _keys(spec: ChainSpec) -> dict[str, object]:
    signed: dict[str, CertificateSpec | ResponseSpec | ListSpec] = {
        "leaf": spec.leaf,
        **{f"authorities.{label}": one for label, one in spec.authorities.items()},
    }
    signed |= {f"responses.{label}": one for label, one in spec.responses.items()}
    signed |= {f"lists.{label}": one for label, one in spec.lists.items()}
    signed |= {"staple": spec.staple} if spec.staple is not None else {}
    keys = {f"{place}.{field.name}": getattr(one, field.name) for place, one in signed.items() for field in fields(one)}
    others = ("wire", "anchors", "host", "present", "proof", "client_certificate", "delegation")
    return {**keys, **{key: getattr(spec, key) for key in others}}
