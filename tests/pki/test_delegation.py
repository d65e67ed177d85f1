"""Claims about delegated credentials: written and signed as RFC 9345 4 says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from labserver.pki.recipes import forge

if TYPE_CHECKING:
    from labserver.pki.authority import LabIssuer

CONTEXT = b" " * 64 + b"TLS, server delegated credentials\0"


@pytest.mark.parametrize(
    ("name", "days"),
    [("delegated-credential", 2), ("delegated-credential-too-long", 10), ("delegated-credential-without-usage", 2)],
)
def test_credential(name: str, days: int, pki_issuer: LabIssuer) -> None:
    """It names its end, its key and the schemes, and is signed by the certificate's key; the key comes with it."""
    entropy, clock = pki_issuer.entropy, pki_issuer.clock
    chain = forge(name, issuer=pki_issuer, entropy=entropy, clock=clock, host=f"{name}.lab.test")
    leaf = x509.load_der_x509_certificate(chain.leaf)
    key = load_der_private_key(chain.delegated_key, None)
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = ((days + 1) * 86_400).to_bytes(4) + b"\4\3" + len(info).to_bytes(3) + info + b"\4\3"
    assert chain.delegated.startswith(signed)
    signature = chain.delegated[len(signed) + 2 :]
    assert chain.delegated[len(signed) : len(signed) + 2] == len(signature).to_bytes(2)
    public = leaf.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, CONTEXT + chain.leaf + signed, ec.ECDSA(hashes.SHA256()))
    assert chain.key != chain.delegated_key


def test_none(pki_issuer: LabIssuer) -> None:
    """Other chains delegate nothing."""
    entropy, clock = pki_issuer.entropy, pki_issuer.clock
    chain = forge("delegated-credential-cert", issuer=pki_issuer, entropy=entropy, clock=clock, host="x.lab.test")
    assert (chain.delegated, chain.delegated_key) == (b"", b"")
