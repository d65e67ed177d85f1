"""What all engines share: the names of alerts, the certificate's hash, and when a library is loaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from labserver.pki.chain import pem
from labserver.tls.endpoint_binding import server_end_point
from labserver.tls.engine import alert_name

if TYPE_CHECKING:
    from labserver.tls.engine import TlsSettings


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("tlsv1 alert unknown ca", "unknown_ca"),
        ("sslv3 alert bad certificate", "bad_certificate"),
        ("ssl/tls alert certificate expired", "certificate_expired"),
        ("tlsv1 alert protocol version", "protocol_version"),
        ("tlsv13 alert certificate required", "certificate_required"),
        ("wrong version number", ""),
        ("no shared cipher", ""),
        ("", ""),
    ],
)
def test_alert_name(reason: str, name: str) -> None:
    """OpenSSL's reasons hold the alert's IANA name; other reasons hold none."""
    assert alert_name(reason) == name


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("a003020102", "a003020103"),  # a version that there is not
        ("2a8648ce3d0403", "2a8648ce3d0406"),  # a signature algorithm that there is not
    ],
)
def test_server_end_point_of_what_nobody_can_read(right: str, wrong: str, tls_settings: TlsSettings) -> None:
    """A malformed leaf has no binding, and breaks nothing."""
    leaf = x509.load_pem_x509_certificates(tls_settings.certificate_chain)[0].public_bytes(Encoding.DER)
    malformed = leaf.replace(bytes.fromhex(right), bytes.fromhex(wrong))
    assert malformed != leaf
    assert server_end_point(pem("CERTIFICATE", malformed)) is None
    assert server_end_point(pem("CERTIFICATE", leaf[:-1])) is None


def test_server_end_point_is_of_the_leaf(tls_settings: TlsSettings) -> None:
    """The first certificate counts, with the hash it was signed with."""
    leaf = x509.load_pem_x509_certificates(tls_settings.certificate_chain)[0]
    assert server_end_point(tls_settings.certificate_chain) == hashlib.sha256(leaf.public_bytes(Encoding.DER)).digest()


def test_an_engine_costs_nothing_until_it_is_made() -> None:
    """Importing the interface loads neither library."""
    code = "import sys, labserver.tls.engine; sys.exit(len({'ssl', 'OpenSSL', 'cryptography'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
