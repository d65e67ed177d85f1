"""A CA, what the engines present, and an engine of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from labserver.tls.engine import TlsSettings, make_engines
from tests.tls.clients import NAME

if TYPE_CHECKING:
    from labserver.tls.engine import TlsEngine


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return the CA that clients trust."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="session")
def tls_settings(authority: trustme.CA) -> TlsSettings:
    """Return what a server presents."""
    leaf = authority.issue_cert(NAME, key_type=trustme.KeyType.ECDSA)
    return TlsSettings(
        certificate_chain=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
        private_key=leaf.private_key_pem.bytes(),
        client_anchors=authority.cert_pem.bytes(),
    )


@pytest.fixture(params=["openssl", "stdlib", "tlslite"])
def engine(request: pytest.FixtureRequest, tls_settings: TlsSettings) -> TlsEngine:
    """Return a new connection's engine, of each kind."""
    return make_engines(request.param, tls_settings)()
