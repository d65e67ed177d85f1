"""Every certificate arrives as it was forged, octet for octet: in TLS 1.2, where it is sent in clear, one can look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from labserver.pki.recipe_files import all_recipes
from labserver.pki.recipes import forge
from labserver.tls.engine import TlsSettings, make_engines
from tests.pki.judges import HTTP, names
from tests.tls.clients import OpensslClient, shake
from tests.tls.hello import Parts, numbers, records, vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain
    from labserver.tls.engine import TlsEngine

CERTIFICATE = 11
NEW = frozenset(name for name, spec in all_recipes().items() if spec.leaf.key.startswith("mldsa"))
"""What there is in TLS 1.3 only."""
GROUPS = (29, 23, 24, 25, 19, 21, 22, 26)
"""X25519, P-256, P-384, P-521; then P-192, P-224, secp256k1, brainpoolP256r1."""
SCHEMES = (0x0804, 0x0805, 0x0806, 0x0809, 0x0401, 0x0501, 0x0403, 0x0503, 0x0603, 0x0402, 0x0302, 0x0807, 0x0808)
"""RSA with PSS and without, ECDSA, DSA, EdDSA."""
CIPHERS = (0xC02B, 0xC02F, 0x00A2)
"""ECDHE-ECDSA, ECDHE-RSA and DHE-DSS with AES128-GCM-SHA256."""
HELLO = records(
    Parts(
        ciphers=CIPHERS,
        extensions=(
            (10, vector(2, numbers(GROUPS))),
            (11, b"\x01\0"),
            (13, vector(2, numbers(SCHEMES))),
        ),
    ).message()
)
"""A ClientHello of TLS 1.2 that will take everything, so that every server can answer."""


@pytest.mark.parametrize("name", sorted(all_recipes().keys() - NEW))
def test_octets(name: str, pki_issuer: LabIssuer) -> None:
    """The engine that a recipe asks for sends its certificates, in its order, and changes nothing in them."""
    chain, engine = _served(name, "TLSv1.2", pki_issuer)
    engine.receive(HELLO)
    engine.decrypted()
    messages = dict(_vectors(_without_records(engine.outgoing()), 1))
    content = messages[CERTIFICATE][3:]
    assert tuple(certificate for _, certificate in _vectors(content, 0)) == chain.certificates


@pytest.mark.parametrize("name", sorted(NEW))
def test_octets_in_tls13(name: str, pki_issuer: LabIssuer) -> None:
    """So does it where a client has to finish the handshake to see them; the signature of the server is right."""
    chain, engine = _served(name, "TLSv1.3", pki_issuer)
    client = OpensslClient()
    shake(client, engine)
    assert engine.established
    sent = client.tls.get_peer_cert_chain(as_cryptography=True)
    assert sent is not None
    assert tuple(one.public_bytes(Encoding.DER) for one in sent) == chain.certificates


def _served(name: str, newest: str, issuer: LabIssuer) -> tuple[Chain, TlsEngine]:
    spec = all_recipes()[name]
    clock, entropy = issuer.clock, issuer.entropy
    host, *others = names(spec)
    chain = forge(name, issuer=issuer, entropy=entropy, clock=clock, host=host, names=tuple(others), http=HTTP)
    settings = TlsSettings(certificate_chain=chain.chain_pem, private_key=chain.key_pem, maximum=newest, weak=spec.weak)
    return chain, make_engines(spec.engine, settings)()


def _without_records(data: bytes) -> bytes:
    """Return what is inside TLS records (RFC 5246 6.2.1)."""
    inside = b""
    while data:
        size = int.from_bytes(data[3:5])
        inside, data = inside + data[5 : 5 + size], data[5 + size :]
    return inside


def _vectors(data: bytes, before: int) -> Iterator[tuple[int, bytes]]:
    """Yield vectors whose length has three octets, each with the number that stands before it."""
    while data:
        number, size = int.from_bytes(data[:before]), int.from_bytes(data[before : before + 3])
        start = before + 3
        yield number, data[start : start + size]
        data = data[start + size :]
