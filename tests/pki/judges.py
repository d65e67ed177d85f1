"""Independent programs that judge a chain by the name or address of the server that presents it."""

from __future__ import annotations

import re
import ssl
import subprocess
import tempfile
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from labserver.pki.profile import HOSTS, SERVER_AUTH
from labserver.pki.specification import UNREADABLE
from labserver.scenario import DOMAINS
from labserver.tls.engine import TlsSettings, make_engines
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec

__all__ = [
    "ADDRESS",
    "HTTP",
    "OPENSSL_ACCEPTS",
    "UNPROVED",
    "UNREAD",
    "certtool",
    "handshake",
    "names",
    "strictest",
    "told",
    "verify",
]

HTTP = "http://127.0.0.1:3080"
"""Where certificates say that CRLs and the like are to be had."""
ADDRESS = "127.66.3.4"
"""Where a case is, besides its names."""
UNREAD = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound)
"""What cryptography raises for a certificate that is malformed on purpose, or without names."""
OPENSSL_ACCEPTS = {
    "ku-key-encipherment-rsa": "does not ask whether an RSA key may sign",
    "ku-no-digital-signature": "asks whether an EC key may sign in TLS 1.2 only",
    "policy-required-missing": "looks at policies only if it is told to",
    "rsa-exponent-1": "takes any exponent that is odd",
    "rsa-exponent-even": "takes it until it has a signature to verify",
    "x25519-key": "takes it until it has a signature to verify",
}
"""What OpenSSL 3.0 accepts although it has to be rejected."""
UNPROVED = {
    "reversed-chain": "the key of the certificate that comes first did not sign the handshake",
    "rsa-exponent-even": "there is no signature that would fit the key",
    "unknown-key-algorithm": "there is no signature that would fit the key",
    "x25519-key": "there is no signature that would fit the key",
}
"""What a client refuses even if it verifies no certificate."""
_FLIGHTS = 3
_UNREADABLE = ("ASN1 lib", "CERT_LENGTH_MISMATCH", "EXCESSIVE_MESSAGE_SIZE")
"""OpenSSL's reasons for not going on with what it cannot read."""


def told(spec: ChainSpec) -> str:
    """Return the name or address that the clients of a recipe's case are told."""
    return _hosts(spec)[0]


def names(spec: ChainSpec) -> tuple[str, ...]:
    """Return all names and addresses by which the case is reached, as a certificate has them."""
    return (*(name.rstrip(".") for name in _hosts(spec)), *HOSTS, ADDRESS)


def _hosts(spec: ChainSpec) -> list[str]:
    return [spec.host.replace("{id}", spec.id).replace("{lab}", domain) for domain in DOMAINS]


def handshake(chain: Chain, host: str, engine: str) -> int:
    """Let the standard library's client judge in a handshake; return OpenSSL's code, 0 if it accepts.

    Without a ``host`` it verifies the chain, and not whose it is.
    """
    settings = TlsSettings(certificate_chain=chain.chain_pem, private_key=chain.key_pem, weak=True, staple=chain.staple)
    server = make_engines(engine, settings)()
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cadata=chain.anchors_pem.decode("ascii"))
    context.check_hostname = bool(host)
    if chain.crls:
        with tempfile.NamedTemporaryFile() as crls:  # the standard library takes CRLs in no other way
            crls.write(chain.crls_pem)
            crls.flush()
            context.load_verify_locations(crls.name)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    client = context.wrap_bio(to_client, to_server, server_hostname=host or None)
    try:
        for _ in range(_FLIGHTS):
            with suppress(ssl.SSLWantReadError):
                client.do_handshake()
            server.receive(to_server.read())
            server.decrypted()
            to_client.write(server.outgoing())
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    except ssl.SSLError as error:
        if not any(reason in str(error) for reason in _UNREADABLE):
            raise
        return UNREADABLE
    assert server.established, server.failure
    return 0


def verify(chain: Chain, directory: Path, host: str) -> int:
    """Let ``openssl verify`` judge what the standard library's server cannot present; return as :func:`handshake`."""
    for name, pem in (("anchors", chain.anchors_pem), ("chain", chain.chain_pem), ("leaf", chain.leaf_pem)):
        (directory / f"{name}.pem").write_bytes(pem)
    command = ["openssl", "verify", "-CAfile", "anchors.pem", "-untrusted", "chain.pem", "-auth_level", "2"]
    command += ["-purpose", "sslserver", "-verify_ip" if _is_address(host) else "-verify_hostname", host, "leaf.pem"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == 0:
        return 0
    found = re.search(r"^error (\d+) at ", done.stderr, re.MULTILINE)
    assert found is not None, done.stderr
    return int(found[1])


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def certtool(chain: Chain, directory: Path, host: str) -> str:
    """Let GnuTLS judge; return what it says about the chain as a whole, which begins with "Verified" if it accepts."""
    (directory / "anchors.pem").write_bytes(chain.anchors_pem)
    command = ["certtool", "--verify", "--load-ca-certificate", "anchors.pem", "--verify-purpose", SERVER_AUTH]
    command += ["--verify-hostname", host]
    if chain.crls:
        (directory / "crls.pem").write_bytes(chain.crls_pem)
        command += ["--load-crl", "crls.pem"]
    done = subprocess.run(
        command, cwd=directory, input=chain.chain_pem, capture_output=True, timeout=PATIENCE, check=False
    )
    return done.stdout.decode(errors="replace").partition("Chain verification output: ")[2].strip()


def strictest(chain: Chain, host: str) -> str:
    """Let cryptography judge, which holds CAs and servers to the rules of the web; return its complaint, "" if none."""
    name = x509.IPAddress(ip_address(host)) if _is_address(host) else x509.DNSName(host)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of odd serial numbers
        try:
            leaf, *others = map(x509.load_der_x509_certificate, chain.certificates)
            store = Store(list(map(x509.load_der_x509_certificate, chain.anchors)))
            verifier = PolicyBuilder().store(store).time(datetime.now(UTC)).build_server_verifier(name)
            verifier.verify(leaf, others)
        except (VerificationError, ValueError, x509.InvalidVersion) as error:
            return str(error)
    return ""
