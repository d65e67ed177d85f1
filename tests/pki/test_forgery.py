"""Claims about forged chains: each has the fault that its recipe names, by the words of three independent programs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.clock import FixedClock, SeededEntropy, SystemClock, SystemEntropy
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge, unavailable
from labserver.pki.specification import Severity, Verdict
from labserver.pki.trustme_issuer import TrustmeIssuer
from tests.patience import PATIENCE
from tests.pki.judges import ADDRESS, HTTP, OPENSSL_ACCEPTS, UNPROVED, UNREAD, certtool, handshake, names, told, verify

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec

BOOK = all_recipes()
EVERY = pytest.mark.parametrize("spec", BOOK.values(), ids=list(BOOK))
IN_CHAIN = {name: spec for name, spec in BOOK.items() if not spec.in_message}
"""Those that who looks at a chain can judge; the chains of the others are their repaired ones."""
ACCEPTED = {name for name, spec in IN_CHAIN.items() if spec.verdict is Verdict.ACCEPT}
REJECTED = {name for name, spec in IN_CHAIN.items() if spec.verdict is Verdict.REJECT}

GNUTLS_REFUSES = {
    "expired-intermediate-alternative": "takes the first CA of that name, which has expired",
    "pathlen-self-issued": "counts self-issued CAs",
    "policy-required-present": "does not know policy constraints",
}
"""What GnuTLS 3.7 refuses although it is good."""
GNUTLS_ACCEPTS = {
    "basic-constraints-malformed": "takes it for no CA's",
    "basic-constraints-negative-pathlen": "asks for no path length at the end of the path",
    "ecdsa-signature-nonminimal": "reads BER",
    "eku-empty": "takes no purpose for any",
    "ec-explicit-parameters": "does not look at the key that is certified",
    "ecc192": "the same",
    "ku-crlsign-only": "asks for the extended key usage alone",
    "ku-empty": "takes no usage for any",
    "ku-encipher-only": "asks for the key usage only in a handshake",
    "ku-key-encipherment-rsa": "asks for the key usage only in a handshake",
    "ku-no-digital-signature": "asks for the key usage only in a handshake",
    "nc-permitted-directory-mismatch": "does not compare directory names",
    "rsa-exponent-1": "does not look at the key that is certified",
    "rsa-exponent-even": "the same",
    "rsa-pss-salt-mismatch": "finds the salt by itself",
    "rsa512": "does not look at the key that is certified",
    "rsa768": "the same",
    "rsa1024": "the same",
    "rsa1536": "the same",
    "rsa1024-intermediate": "takes 1024 bits without a profile that forbids them",
    "serial-empty": "takes any octets, and none",
    "serial-nonminimal": "takes any octets",
    "unknown-key-algorithm": "does not look at the key that is certified",
    "utctime-feb-30": "counts on into March",
    "utctime-no-seconds": "takes a time without seconds",
    "wildcard-partial-prefix": "takes a wildcard within a label",
    "x25519-key": "does not look at the key that is certified",
}
"""What GnuTLS 3.7 accepts although it has to be rejected."""


def _forge(name: str, issuer: LabIssuer) -> Chain:
    return forge(
        name,
        issuer=issuer,
        entropy=issuer.entropy,
        clock=issuer.clock,
        host=names(BOOK[name])[0],
        names=names(BOOK[name]),
        http=HTTP,
    )


def _lasting(chains: dict[str, Chain], name: str, issuer: LabIssuer) -> Chain:
    """Return a recipe's chain, made just now if it is made anew for each connection: it may not last."""
    return _forge(name, issuer) if BOOK[name].anew else chains[name]


@pytest.fixture(scope="module")
def chains(pki_issuer: LabIssuer) -> dict[str, Chain]:
    """Return every chain, made now, because the programs that judge it know no other time."""
    return {name: _forge(name, pki_issuer) for name in BOOK}


def _judged(spec: ChainSpec, chain: Chain, directory: Path, host: str) -> int:
    """Have OpenSSL judge in a handshake, or without one where there is none in which the client gets that far."""
    old, new = spec.newest != "TLSv1.3", spec.leaf.key.startswith("mldsa")
    if old or new or spec.id in UNPROVED:
        return verify(chain, directory, host)
    return handshake(chain, host, spec.engine)


@pytest.mark.parametrize("name", IN_CHAIN)
def test_openssl(name: str, chains: dict[str, Chain], pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """OpenSSL gives the code that the recipe names, by name and by address."""
    spec, chain = BOOK[name], _lasting(chains, name, pki_issuer)
    by_address = spec.openssl if spec.address_openssl is None else spec.address_openssl
    assert _judged(spec, chain, tmp_path, told(spec)) == spec.openssl
    assert _judged(spec, chain, tmp_path, ADDRESS) == by_address


@pytest.mark.parametrize("name", sorted(ACCEPTED | REJECTED))
def test_gnutls(name: str, chains: dict[str, Chain], pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """GnuTLS agrees with the recipe's verdict, or the difference is known with its reason."""
    chain = _lasting(chains, name, pki_issuer)
    accepted = certtool(chain, tmp_path, told(BOOK[name])).startswith("Verified")
    assert accepted is (name in ACCEPTED - GNUTLS_REFUSES.keys() or name in GNUTLS_ACCEPTS)


def test_verdicts_are_shared() -> None:
    """OpenSSL rejects what has to be rejected, or it is known why not, and accepts what has to be accepted."""
    assert {name for name in ACCEPTED if BOOK[name].openssl} == set()
    assert {name for name in REJECTED if not BOOK[name].openssl} == OPENSSL_ACCEPTS.keys()


@EVERY
def test_words(spec: ChainSpec) -> None:
    """Title and sentence are for people, and severity goes with rejection."""
    assert not spec.title.endswith(".")
    assert spec.does.endswith(".")
    assert spec.references
    assert (spec.severity is Severity.NONE) is (spec.verdict is not Verdict.REJECT)


@EVERY
def test_anchors(spec: ChainSpec, chains: dict[str, Chain], pki_issuer: LabIssuer) -> None:
    """Its anchors are the lab's root, unless its recipe has its own, whose key is not that of any lab."""
    assert (chains[spec.id].anchors == pki_issuer.anchors) is not spec.own_anchor


@pytest.mark.parametrize("name", [name for name, spec in BOOK.items() if spec.topic == "identity"])
def test_nothing_but_the_name(name: str, chains: dict[str, Chain]) -> None:
    """What is wrong with an identity is not wrong with the chain: name constraints refuse none of them."""
    assert handshake(chains[name], "", BOOK[name].engine) == 0


def test_names_are_lab_names(chains: dict[str, Chain], pki_issuer: LabIssuer) -> None:
    """The lab's CA vouches for no name outside its constraints, which would be a second reason to refuse the chain."""
    for spec in BOOK.values():
        if spec.leaf.issuer != "lab" or spec.leaf.serial is not None:  # cryptography warns of odd serial numbers
            continue
        with suppress(*UNREAD):
            leaf = x509.load_der_x509_certificate(chains[spec.id].leaf)
            alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            for name in alternatives.get_values_for_type(x509.DNSName):
                assert pki_issuer.permitted.covers(name)


_DIGESTS = """
import hashlib
from labserver.clock import FixedClock, SeededEntropy
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge
clock, entropy = FixedClock(), SeededEntropy("forgery")
authority = create_authority(entropy, clock.now(), origin="tests")
issuer = LabIssuer(authority=authority, entropy=entropy, clock=clock)
for name in reversed(all_recipes()):
    chain = forge(name, issuer=issuer, entropy=entropy, clock=clock, host=name + ".lab.test", http="http://127.0.0.1:3080")
    others = (chain.staple or b"", *chain.crls, *chain.publications.responses.values())
    octets = b"".join((*chain.certificates, chain.key, *chain.anchors, *others))
    print(name, hashlib.sha256(octets).hexdigest())
"""


def test_repeated() -> None:
    """A seed gives every chain again, octet for octet, in another process and another order, but for random signatures.

    DSA and ML-DSA sign with randomness that the library takes from nobody; what they sign is what differs.
    """
    done = subprocess.run(
        [sys.executable, "-c", _DIGESTS],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        env=dict(os.environ),
    )
    theirs = dict(line.split() for line in done.stdout.splitlines())
    clock, entropy = FixedClock(), SeededEntropy("forgery")
    authority = create_authority(entropy, clock.now(), origin="tests")
    issuer = LabIssuer(authority=authority, entropy=entropy, clock=clock)
    ours = {}
    for name in BOOK:
        chain = forge(name, issuer=issuer, entropy=entropy, clock=clock, host=f"{name}.lab.test", http=HTTP)
        others = (chain.staple or b"", *chain.crls, *chain.publications.responses.values())
        octets = b"".join((*chain.certificates, chain.key, *chain.anchors, *others))
        ours[name] = hashlib.sha256(octets).hexdigest()
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"dsa-ca", "mldsa65-ca"}


def test_serials() -> None:
    """No two certificates of one issuer share a serial number, unless a recipe says which."""
    issuer = LabIssuer(
        authority=create_authority(SystemEntropy(), SystemClock().now(), origin="tests"),
        entropy=SystemEntropy(),
        clock=SystemClock(),
    )
    serials = []
    for name, spec in BOOK.items():
        if spec.leaf.issuer == "lab" and spec.leaf.serial is None:
            with suppress(*UNREAD):
                serials.append(x509.load_der_x509_certificate(_forge(name, issuer).leaf).serial_number)
    assert len(serials) > 50
    assert len(set(serials)) == len(serials)


def test_levels(pki_issuer: LabIssuer) -> None:
    """A label may stand for a line of CAs: each is signed by the one before and has its name and identifier from it."""
    chain = _forge("deep-chain-10", pki_issuer)
    leaf, *line, root = map(x509.load_der_x509_certificate, (*chain.certificates, *chain.anchors))
    assert len({one.subject for one in line}) == len(line) == 10
    for below, above in pairwise((leaf, *line, root)):
        below.verify_directly_issued_by(above)


def test_another_issuer(pki_clock: FixedClock) -> None:
    """Under another CA than the lab's, chains with an anchor of their own are the same, and the others are refused."""
    trustme, entropy = TrustmeIssuer(clock=pki_clock), SeededEntropy("x")
    assert unavailable(all_recipes()["expired-intermediate"], trustme) is None
    chain = forge("expired-intermediate", issuer=trustme, entropy=entropy, clock=pki_clock, host="x.lab.test")
    assert len(chain.certificates) == 2
    assert "--issuer" in str(unavailable(all_recipes()["bad-signature"], trustme))
    with pytest.raises(UnavailableError, match="leave --issuer out"):
        forge("bad-signature", issuer=trustme, entropy=entropy, clock=pki_clock, host="x.lab.test")


def test_outside_the_constraints(pki_issuer: LabIssuer) -> None:
    """A case reached by a name that the CA may not vouch for is refused."""
    with pytest.raises(ConfigurationError, match=r"may not vouch for 'mail.invented.net'"):
        forge(
            "bad-signature",
            issuer=pki_issuer,
            entropy=SystemEntropy(),
            clock=SystemClock(),
            host="mail.invented.net",
        )
