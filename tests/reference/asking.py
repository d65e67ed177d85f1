"""A careful TLS client that asks for an OCSP staple, which the standard library's cannot, and has been given CRLs."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.chain import Chain

__all__ = ["AskingContext", "satisfactory"]

_READ = 1 << 16
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AskingContext:
    """Looks to a driver on memory as an :class:`ssl.SSLContext` does."""

    chain: Chain
    """Whose anchors and CRLs the client has been given."""

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_hostname: str) -> AskingObject:
        """Return a connection between two buffers."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        store = context.get_cert_store()
        assert store is not None
        for anchor in self.chain.anchors:
            store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(anchor)))
        for crl in self.chain.crls:
            store.add_crl(x509.load_der_x509_crl(crl))
            store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
        context.set_verify(SSL.VERIFY_PEER)
        context.set_ocsp_client_callback(self._judge)
        connection = SSL.Connection(context, None)
        connection.set_tlsext_host_name(server_hostname.encode())
        connection.request_ocsp()
        connection.set_connect_state()
        return AskingObject(connection, incoming, outgoing, server_hostname)

    @staticmethod
    def _judge(connection: SSL.Connection, staple: bytes, _data: object) -> bool:
        chain = connection.get_verified_chain(as_cryptography=True)
        assert chain is not None
        return satisfactory(staple, chain[0], chain[1], datetime.now(UTC))


class AskingObject:
    """Looks to a driver as an :class:`ssl.SSLObject` does, as far as it looks."""

    def __init__(self, connection: SSL.Connection, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, host: str) -> None:
        self._connection, self._incoming, self._outgoing = connection, incoming, outgoing
        self._host = host
        """Whose certificate it has to be."""

    def do_handshake(self) -> None:
        """Shake hands."""
        try:
            self._pumped(self._connection.do_handshake)
        except SSL.Error as error:
            raise ssl.SSLError(str(error)) from error
        if not _names(self._connection, self._host):
            raise ssl.SSLError("another name")

    def read(self, size: int = _READ) -> bytes:
        """Return what was decrypted."""
        try:
            return self._pumped(lambda: self._connection.recv(size))
        except SSL.ZeroReturnError as error:
            raise ssl.SSLZeroReturnError from error
        except SSL.Error as error:
            raise ssl.SSLError(str(error)) from error

    def write(self, data: bytes) -> None:
        """Encrypt."""
        self._pumped(lambda: self._connection.sendall(data))
        self._pumped(lambda: None)

    def _pumped(self, step: Callable[[], _T]) -> _T:
        """Do a step between taking what came and giving what is to go."""
        data = self._incoming.read()
        while data:
            data = data[self._connection.bio_write(data) :]
        try:
            return step()
        except SSL.WantReadError as error:
            raise ssl.SSLWantReadError from error
        finally:
            with suppress(SSL.WantReadError):
                while True:
                    self._outgoing.write(self._connection.bio_read(_READ))


def satisfactory(staple: bytes, leaf: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Return whether RFC 6066 8 lets a handshake go on: a response is good, or there is none and none was promised."""
    if not staple:
        return not _promised(leaf)
    try:
        response = ocsp.load_der_ocsp_response(staple)
    except ValueError:
        return False
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return False
    begins, ends = response.this_update_utc, response.next_update_utc
    return (
        _is_about(response, leaf, issuer)
        and response.certificate_status is ocsp.OCSPCertStatus.GOOD
        and begins <= now
        and (ends is None or now < ends)
        and any(_signed(response, one) for one in (issuer, *response.certificates) if _may_respond(one, issuer, now))
    )


def _promised(leaf: x509.Certificate) -> bool:
    """Whether the certificate promises a staple (RFC 7633)."""
    try:
        features = leaf.extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in features


def _is_about(response: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it is about this certificate (RFC 6960 3.2, 1)."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, response.hash_algorithm).build()
    return (response.serial_number, response.issuer_name_hash, response.issuer_key_hash) == (
        asked.serial_number,
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    )


def _may_respond(one: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether it is the issuer, or somebody to whom that has delegated it (RFC 6960 4.2.2.2)."""
    if one == issuer:
        return True
    try:
        one.verify_directly_issued_by(issuer)
        purposes = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, InvalidSignature, x509.ExtensionNotFound):
        return False
    in_time = one.not_valid_before_utc <= now <= one.not_valid_after_utc
    return in_time and ExtendedKeyUsageOID.OCSP_SIGNING in purposes


def _signed(response: ocsp.OCSPResponse, one: x509.Certificate) -> bool:
    key, algorithm = one.public_key(), response.signature_hash_algorithm
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert algorithm is not None
    try:
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def _names(connection: SSL.Connection, host: str) -> bool:
    leaf = connection.get_peer_certificate(as_cryptography=True)
    assert leaf is not None
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return host in names.get_values_for_type(x509.DNSName)
