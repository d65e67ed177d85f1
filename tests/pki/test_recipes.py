"""Claims about chains by name: the forge's good certificate is the lab's, and what is issued is not forged."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from labserver.clock import FixedClock, SeededEntropy, SystemClock, SystemEntropy
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.profile import HOSTS, is_address
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import ISSUED, forge, forge_spec, unavailable
from labserver.pki.specification import ChainSpec, Verdict
from labserver.pki.trustme_issuer import TrustmeIssuer
from tests.ours import CATALOGUE
from tests.pki.judges import certtool, handshake, strictest

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.chain import Chain

HOST = "case.lab.test"
NAMES = (*HOSTS, "case.lab.localhost", "127.66.3.4")
EVERY_HOST = pytest.mark.parametrize("host", [HOST, "case.lab.localhost", "mail.lab.test", "127.66.3.4", "::1"])
BASE = ChainSpec(id="base", topic="", title="", does="", verdict=Verdict.ACCEPT, references=())


def _seeded(clock: FixedClock | None = None) -> LabIssuer:
    clock, entropy = clock or FixedClock(), SeededEntropy("recipes")
    authority = create_authority(entropy, clock.now(), origin="tests")
    return LabIssuer(authority=authority, entropy=entropy, clock=clock)


def _forge(name: str, issuer: LabIssuer, *, host: str = HOST, names: tuple[str, ...] = NAMES) -> Chain:
    return forge(name, issuer=issuer, entropy=issuer.entropy, clock=issuer.clock, host=host, names=names)


def _forge_base(issuer: LabIssuer) -> Chain:
    return forge_spec(BASE, issuer=issuer, entropy=issuer.entropy, now=issuer.clock.now(), host=HOST, names=NAMES)


def _said(der: bytes, *but: x509.ObjectIdentifier) -> list[object]:
    """Return all that a certificate says, but for its own and its issuer's key, serial number and validity."""
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    keys = {ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    extensions = [
        (one.oid, one.critical, type(one.value) if one.oid in keys else one.value)
        for one in certificate.extensions
        if one.oid not in but
    ]
    return [certificate.version, certificate.signature_algorithm_oid, key.curve.name, *extensions]


def test_one_profile() -> None:
    """What the forge makes of a recipe without a difference says word for word what the lab's own certificate says."""
    issuer = _seeded()
    forged, issued = _forge_base(issuer), issuer.issue_server(HOST, NAMES)
    assert _said(forged.leaf) == _said(issued.leaf)
    ours, theirs = map(x509.load_der_x509_certificate, (forged.leaf, issued.leaf))
    assert (ours.subject, ours.issuer) == (theirs.subject, theirs.issuer)
    for oid in (ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER):
        assert len(ours.extensions.get_extension_for_oid(oid).value.public_bytes()) == len(
            theirs.extensions.get_extension_for_oid(oid).value.public_bytes()
        )
    assert ours.not_valid_before_utc == theirs.not_valid_before_utc
    assert (forged.intermediates, forged.anchors) == (issued.intermediates, issued.anchors)


def test_one_authority() -> None:
    """A recipe's own CAs say what the lab's say, but that those are for lab names and TLS alone."""
    issuer = _seeded()
    own = _forge("root-included", issuer)
    for forged, issued in zip(own.intermediates, reversed(issuer.authorities), strict=True):
        limits = (ExtensionOID.NAME_CONSTRAINTS, ExtensionOID.EXTENDED_KEY_USAGE)
        assert _said(forged) == _said(issued, *limits)


@EVERY_HOST
@pytest.mark.parametrize("name", ["base", *ISSUED])
def test_good(name: str, host: str, pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """Good chains are accepted by every verifier for every name and address, and by nobody who trusts another CA."""
    chain = _forge_base(pki_issuer) if name == "base" else _forge(name, pki_issuer)
    other = create_authority(SystemEntropy(), SystemClock().now(), origin="others")
    assert handshake(chain, host, "stdlib") == 0
    assert handshake(replace(chain, anchors=(other.root,)), host, "stdlib") == 20
    assert certtool(chain, tmp_path, host).startswith("Verified")
    assert not strictest(chain, host) or name == "good-trustme"  # its names are critical beside a subject


def test_catalogue() -> None:
    """Every chain that a scenario names is issued or has a recipe, and no name is both."""
    named = {scenario.certificate for scenario in CATALOGUE.values()}
    assert named == ISSUED.keys() | all_recipes().keys()
    assert not ISSUED.keys() & all_recipes().keys()


def test_expired_within_its_issuer(pki_clock: FixedClock) -> None:
    """The expired leaf ended with yesterday, and began no earlier than the CA that signed it."""
    leaf, intermediate = map(x509.load_der_x509_certificate, _forge("expired", _seeded(pki_clock)).certificates)
    assert leaf.not_valid_after_utc == datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    assert leaf.not_valid_before_utc >= intermediate.not_valid_before_utc
    assert intermediate.not_valid_after_utc > pki_clock.now() + timedelta(days=20)


def test_self_signed_is_no_authority() -> None:
    """The self-signed certificate is sent alone, by its own name, and may sign nothing."""
    (der,) = _forge("self-signed", _seeded()).certificates
    leaf = x509.load_der_x509_certificate(der)
    leaf.verify_directly_issued_by(leaf)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_untrusted_root_is_sent() -> None:
    """The unknown root comes along in last place, and shares neither name nor key with the lab's."""
    issuer = _seeded()
    last = x509.load_der_x509_certificate(_forge("untrusted-root", issuer).certificates[-1])
    ours = x509.load_der_x509_certificate(issuer.authority.root)
    last.verify_directly_issued_by(last)
    assert last.subject != ours.subject
    assert last.public_key() != ours.public_key()


def test_unknown() -> None:
    """A recipe that does not exist is an operator's mistake, answered with where to find those that do."""
    with pytest.raises(ConfigurationError, match="no certificate recipe 'nonesuch': labserver scenarios"):
        _forge("nonesuch", _seeded())


@pytest.mark.parametrize("name", ["good", "expired", "bad-signature"])
def test_outside_the_constraints(name: str) -> None:
    """A name outside the CA's constraints is refused, since the constraints would be a second fault."""
    with pytest.raises(ConfigurationError, match=r"may not vouch for 'mail.invented.net'"):
        _forge(name, _seeded(), host="mail.invented.net")


@pytest.mark.parametrize(("name", "host"), [("wrong-host", "mail.other.example"), ("ip-san-wrong", "127.99.99.99")])
def test_wrong_host_is_right(name: str, host: str) -> None:
    """A lab that is reached by the very name or address that was to be the wrong one says so."""
    with pytest.raises(ConfigurationError, match=rf"reached as {host}"):
        _forge(name, _seeded(), names=(*NAMES, host))


def test_another_issuer(pki_clock: FixedClock) -> None:
    """Under another CA, what needs no CA of ours is made all the same, and that CA is what is to be trusted."""
    trustme, entropy = TrustmeIssuer(clock=pki_clock), SeededEntropy("x")
    for name in ("untrusted-root", "self-signed", "good"):
        chain = forge(name, issuer=trustme, entropy=entropy, clock=pki_clock, host=HOST)
        assert chain.anchors == trustme.anchors
    chain = forge("expired-intermediate", issuer=trustme, entropy=entropy, clock=pki_clock, host=HOST)
    assert not {*chain.anchors} & {*trustme.anchors}


@pytest.mark.parametrize("name", [*ISSUED, "expired", "self-signed", "untrusted-root", "bad-signature", "root-v1"])
def test_unavailable(name: str, pki_clock: FixedClock) -> None:
    """What an issuer is said not to be able to make is what it refuses to make."""
    trustme = TrustmeIssuer(clock=pki_clock)
    recipe = all_recipes().get(name)
    assert unavailable(recipe, _seeded()) is None
    reason = unavailable(recipe, trustme)
    assert (reason is not None) is (name in {"expired", "bad-signature"})
    with nullcontext() if reason is None else pytest.raises(UnavailableError, match=f"^{re.escape(reason)}$"):
        forge(name, issuer=trustme, entropy=SystemEntropy(), clock=pki_clock, host=HOST, names=NAMES)


@pytest.mark.parametrize("name", [name for name, spec in all_recipes().items() if is_address(spec.host)])
def test_no_address_in_the_common_name(name: str) -> None:
    """Where a client is told an address, the common name is none, unless that is the fault: clients may look there."""
    subject = dict(all_recipes()[name].leaf.subject or ())
    assert (subject.get("CN") == "{host}") is (name == "ip-in-cn")
    assert "CN" in subject
