"""Every certificate arrives as it was forged, octet for octet: in TLS 1.2, where it is sent in clear, one can look."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from labserver.pki.cookbook import cookbook
from labserver.pki.recipes import forge
from labserver.tls.engine import TlsSettings, make_engines
from tests.pki.judges import names
from tests.tls.hello import of_ssl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.pki.authority import LabIssuer

CERTIFICATE = 11
HELLO = of_ssl("wire.lab.test", newest=ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize("name", cookbook())
def test_octets(name: str, pki_issuer: LabIssuer) -> None:
    """The engine that a recipe asks for sends its certificates, in its order, and changes nothing in them."""
    spec = cookbook()[name]
    clock, entropy = pki_issuer.clock, pki_issuer.entropy
    chain = forge(name, issuer=pki_issuer, entropy=entropy, clock=clock, host=names(spec)[0], names=names(spec))
    settings = TlsSettings(
        certificate_chain=chain.chain_pem, private_key=chain.key_pem, maximum="TLSv1.2", weak=spec.weak
    )
    engine = make_engines(spec.engine, settings)()
    engine.receive(HELLO)
    engine.decrypted()
    messages = dict(_vectors(_without_records(engine.outgoing()), 1))
    content = messages[CERTIFICATE][3:]
    assert tuple(certificate for _, certificate in _vectors(content, 0)) == chain.certificates


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
