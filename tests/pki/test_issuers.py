"""Claims that hold for both issuers, judged by the TLS stacks of real clients."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from labserver.errors import ConfigurationError
from labserver.pki.profile import HOSTS
from labserver.pki.trustme_issuer import TrustmeIssuer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from labserver.clock import FixedClock
    from labserver.pki.chain import Chain, Issuer

    Verify = Callable[..., subprocess.CompletedProcess[str]]


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Run a TLS handshake in memory and return the server's side; a side's refusal is its exception."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return sides[1]


def context(protocol: int, chain: Chain, directory: Path) -> ssl.SSLContext:
    """Return a context that presents ``chain`` and trusts its anchors."""
    made = ssl.SSLContext(protocol)
    (directory / "chain.pem").write_bytes(chain.chain_pem)
    (directory / "key.pem").write_bytes(chain.key_pem)
    made.load_cert_chain(directory / "chain.pem", directory / "key.pem")
    made.load_verify_locations(cadata=chain.anchors_pem.decode())
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made


@pytest.fixture
def python_contexts(pki_any_issuer: Issuer, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context, each with a certificate of the issuer."""
    return (
        context(ssl.PROTOCOL_TLS_SERVER, pki_any_issuer.issue_server("lab.test", HOSTS), tmp_path),
        context(ssl.PROTOCOL_TLS_CLIENT, pki_any_issuer.issue_client("alice@lab.test"), tmp_path),
    )


@pytest.mark.parametrize("host", ["lab.test", "localhost", "expired.lab.localhost", "127.0.0.1", "::1"])
def test_python_accepts_every_name(python_contexts: tuple[ssl.SSLContext, ssl.SSLContext], host: str) -> None:
    """Python's verifying client, strict, finishes the handshake with each of the lab's names."""
    assert handshake(*python_contexts, host).version() == "TLSv1.3"


def test_python_rejects_another_name(python_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """The good chain is good for the lab's names only."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(*python_contexts, "mail.example.com")


def test_client_certificates_name_the_account(python_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """A server that asks for a certificate verifies ours and reads the account from it (SASL EXTERNAL)."""
    server, client = python_contexts
    server.verify_mode = ssl.CERT_REQUIRED
    peer = handshake(server, client, "lab.test").getpeercert()
    assert peer is not None
    assert (("commonName", "alice@lab.test"),) in peer["subject"]
    assert peer["subjectAltName"] == (("email", "alice@lab.test"),)


def test_openssl_accepts_both(pki_any_issuer: Issuer, openssl_verify: Verify) -> None:
    """A strict ``openssl verify`` agrees."""
    chain = pki_any_issuer.issue_server("localhost", HOSTS)
    assert openssl_verify(chain, "-purpose", "sslserver", "-verify_hostname", "x.lab.test").returncode == 0


def test_chains_share_a_form(pki_any_issuer: Issuer) -> None:
    """Leaf first, CN = host, every name, at most 90 days, the issuer's anchors."""
    chain = pki_any_issuer.issue_server("localhost", HOSTS)
    leaf = x509.load_der_x509_certificate(chain.leaf)
    (name,) = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert name.value == "localhost"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(item.value) for item in names} == set(HOSTS)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 90
    assert chain.anchors == pki_any_issuer.anchors
    assert not set(chain.anchors) & set(chain.certificates)


def test_each_certificate_has_its_own_key(pki_any_issuer: Issuer) -> None:
    """Two issued chains never share a key."""
    assert pki_any_issuer.issue_server("a.lab.test", ()).key != pki_any_issuer.issue_server("a.lab.test", ()).key


def test_trustme_takes_time_from_the_clock(pki_clock: FixedClock) -> None:
    """The second issuer's leaves are dated by the lab's clock, like ours."""
    leaf = x509.load_der_x509_certificate(TrustmeIssuer(clock=pki_clock).issue_server("lab.test").leaf)
    assert leaf.not_valid_before_utc < pki_clock.now() < leaf.not_valid_after_utc


def test_trustme_refusals_are_sentences(pki_clock: FixedClock) -> None:
    """A name that trustme cannot encode is the operator's mistake, not a traceback."""
    with pytest.raises(ConfigurationError, match=r"trustme refuses one of the names a_b\.test"):
        TrustmeIssuer(clock=pki_clock).issue_server("a_b.test", ())
