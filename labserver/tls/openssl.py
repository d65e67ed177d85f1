"""The default engine: pyOpenSSL on memory, with the OpenSSL inside the cryptography wheel, the same on every host."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from labserver.errors import ConfigurationError
from labserver.events import TlsFacts
from labserver.private_files import in_a_file
from labserver.tls.alerts import alert_in_clear
from labserver.tls.diffie_hellman import FFDHE2048
from labserver.tls.endpoint_binding import server_end_point
from labserver.tls.engine import TlsFailure, alert_name
from labserver.tls.key_log import keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine, TlsSettings

__all__ = ["PRIVATE", "PROTOCOL_VERSIONS", "OpensslEngine", "agree_on", "openssl_engines"]

_MODE_RELEASE_BUFFERS = 0x10
"""SSL_MODE_RELEASE_BUFFERS: halves the memory of an idle connection (SSL_CTX_set_mode(3))."""
PROTOCOL_VERSIONS = {
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
"""pyOpenSSL's numbers of :data:`labserver.tls.engine.VERSIONS`."""
PRIVATE = ("SSL_CTX_set1_curves_list", "SSL_CTX_set1_sigalgs_list")
"""Functions of OpenSSL that pyOpenSSL binds and gives no name of its own; it raises what they leave behind by
``_raise_current_error``, and they work on ``Context._context``. A test looks for all of them."""
_READ = 1 << 16
_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
_EXPORTER_SIZE = 32


class OpensslEngine:
    """One connection on an OpenSSL context."""

    def __init__(self, context: SSL.Context, settings: TlsSettings) -> None:
        self.established = False
        self.peer_closed = False
        self.failure: TlsFailure | None = None
        self._connection = SSL.Connection(context, None)
        self._connection.set_accept_state()
        self._settings = settings
        self._unsent: list[bytes] = []
        self._alert = ""

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        if not self.established:
            self._alert = self._alert or alert_in_clear(data)
        while data:
            data = data[self._connection.bio_write(data) :]

    def decrypted(self) -> bytes:
        """Drive the handshake and return what was decrypted."""
        if self.failure or self.peer_closed:
            return b""
        chunks: list[bytes] = []
        try:
            if not self.established:
                self._connection.do_handshake()
                self.established = True
                for data in self._unsent:
                    self._connection.sendall(data)
                self._unsent.clear()
            while True:
                chunks.append(self._connection.recv(_READ))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.peer_closed = True
        except SSL.Error as error:
            self.failure = _failure(error, self._alert)
        except _NoProtocolError:
            self.failure = TlsFailure(reason="no protocol that the client offers is to be spoken", intended=True)
        return b"".join(chunks)

    def send(self, data: bytes) -> None:
        """Encrypt; before the handshake has finished, keep until then."""
        if self.failure:
            return
        if not self.established:
            self._unsent.append(data)
            return
        try:
            self._connection.sendall(data)
        except SSL.Error as error:
            self.failure = _failure(error)

    def outgoing(self) -> bytes:
        """Return the octets for the network."""
        chunks: list[bytes] = []
        try:
            while True:
                chunks.append(self._connection.bio_read(_READ))
        except SSL.WantReadError:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def shutdown(self) -> None:
        """Queue close_notify."""
        try:
            self._connection.shutdown()
        except SSL.Error as error:
            self.failure = self.failure or _failure(error)

    def facts(self) -> TlsFacts:
        """Return what the handshake agreed on."""
        certificate = self.client_certificate
        return TlsFacts(
            version=self._connection.get_protocol_version_name(),
            cipher=self._connection.get_cipher_name() or "",
            group=self._connection.get_group_name() or "",
            server_name=(self._connection.get_servername() or b"").decode("ascii", "replace"),
            alpn=self._connection.get_alpn_proto_negotiated().decode("ascii", "replace"),
            client_certificate=hashlib.sha256(certificate).hexdigest() if certificate else "",
            engine="openssl",
        )

    def binding(self, kind: str) -> bytes | None:
        """Return a channel binding: RFC 9266 for TLS 1.3 (and 1.2), RFC 5929 otherwise."""
        match kind:
            case "tls-exporter":
                return self._connection.export_keying_material(_EXPORTER_LABEL, _EXPORTER_SIZE, b"")
            case "tls-unique" if self._connection.get_protocol_version_name() != "TLSv1.3":
                # A full handshake (the server resumes none): the first Finished is the client's (RFC 5929 3.1).
                return self._connection.get_peer_finished()
            case "tls-server-end-point":
                return server_end_point(self._settings.certificate_chain)
            case _:
                return None

    @property
    def client_certificate(self) -> bytes | None:
        """The client's verified certificate (DER), None if it sent none."""
        certificate = self._connection.get_peer_certificate()
        return None if certificate is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


def _failure(error: SSL.Error, alert: str = "") -> TlsFailure:
    if isinstance(error, SSL.SysCallError):
        return TlsFailure(reason="the connection ended inside TLS")
    reasons = [reason for _, _, reason in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    reason = "; ".join(reasons) or "unexpected end of TLS"
    return TlsFailure(reason=reason, alert=next(filter(None, map(alert_name, reasons)), alert))


class _NoProtocolError(Exception):
    """No protocol of the client's is spoken here; from pyOpenSSL's callback, this becomes the alert."""


def openssl_engines(settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Build the context and return a maker of engines on it; raises ConfigurationError for what OpenSSL refuses."""
    context = _context(settings)
    context.set_mode(_MODE_RELEASE_BUFFERS)
    # No resumption: every session shows its whole handshake, and tls-unique stays the client's Finished.
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if settings.certificate_chain:
        _load(context, settings)
    if settings.client_anchors:
        _verify(context, settings)
    if settings.staple is not None:
        staple = settings.staple
        # OpenSSL 4 reads it, and sends none that is malformed, empty, or about none of the certificates sent.
        context.set_ocsp_server_callback(lambda _connection, _data: staple)
    if settings.key_log is not None:
        log = settings.key_log
        context.set_keylog_callback(lambda _connection, line: keep_secret(log, line))
    return lambda: OpensslEngine(context, settings)


def _context(settings: TlsSettings) -> SSL.Context:
    """Return a context that agrees to what the settings say."""
    if unknown := {settings.minimum, settings.maximum} - PROTOCOL_VERSIONS.keys():
        raise ConfigurationError(f"OpenSSL serves no {', '.join(sorted(unknown))}")
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(PROTOCOL_VERSIONS[settings.minimum])
    context.set_max_proto_version(PROTOCOL_VERSIONS[settings.maximum])
    for word in settings.cipher_words:  # of a list, OpenSSL ignores what it does not know
        _set(context.set_cipher_list, f"{word}:@SECLEVEL=0", f"suite {word}")
    if settings.cipher_list:
        _set(context.set_cipher_list, settings.cipher_list, f"suites {settings.ciphers}")
    if settings.cipher_list:
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    if settings.ciphers:
        with in_a_file(FFDHE2048) as name:
            context.load_tmp_dh(name)
    for suite in settings.suites:
        _set(context.set_tls13_ciphersuites, suite, f"suite {suite}")
    if settings.suites:
        context.set_tls13_ciphersuites(":".join(settings.suites).encode("ascii"))
    agree_on(context, groups=settings.groups, signatures=settings.signatures)
    if settings.alpn is not None:
        context.set_alpn_select_callback(_selecting(settings.alpn))
    return context


def agree_on(context: SSL.Context, *, groups: tuple[str, ...], signatures: tuple[str, ...]) -> None:
    """Have a context use these groups and signature schemes only; all that it has by default where none is given.

    Raises ConfigurationError for one that OpenSSL does not know.
    """
    _set_list(context, lib.SSL_CTX_set1_curves_list, groups, "group")
    _set_list(context, lib.SSL_CTX_set1_sigalgs_list, signatures, "signature scheme")


def _set(setter: Callable[[bytes], None], value: str, what: str) -> None:
    try:
        setter(value.encode("utf-8"))
    except SSL.Error as error:
        raise ConfigurationError(f"OpenSSL serves no {what}") from error


def _set_list(
    context: SSL.Context, function: Callable[[object, bytes], int], names: tuple[str, ...], what: str
) -> None:
    """Set a list: each name alone at first, to tell which is not served, then all."""

    def setter(value: bytes) -> None:
        if not function(context._context, value):  # noqa: SLF001 -- see PRIVATE
            SSL._raise_current_error()  # noqa: SLF001 -- see PRIVATE

    for value in (*names, ":".join(names)) if names else ():
        _set(setter, value, f"{what} {value}")


def _selecting(protocol: str) -> Callable[[SSL.Connection, list[bytes]], bytes]:
    """Return what answers a client that offers protocols: with one, whether it is among them or not, or with none."""

    def select(_connection: SSL.Connection, _offered: list[bytes]) -> bytes:
        if not protocol:
            raise _NoProtocolError
        return protocol.encode("utf-8")

    return select


def _load(context: SSL.Context, settings: TlsSettings) -> None:
    from cryptography import x509  # noqa: PLC0415 -- the wheel is loaded already; its x509 part is not always

    try:
        leaf, *others = x509.load_pem_x509_certificates(settings.certificate_chain)
    except (ValueError, x509.InvalidVersion) as error:
        raise ConfigurationError(f"the cryptography package does not read this certificate: {error}") from error
    try:
        context.use_certificate(leaf)
        for certificate in others:
            context.add_extra_chain_cert(certificate)
        with in_a_file(settings.private_key) as name:
            context.use_privatekey_file(name)  # not every kind of key is taken in another way: ML-DSA, RSASSA-PSS
    except SSL.Error as error:
        raise ConfigurationError(f"OpenSSL does not serve this certificate: {_failure(error).reason}") from error


def _verify(context: SSL.Context, settings: TlsSettings) -> None:
    from cryptography import x509  # noqa: PLC0415 -- as above

    store = context.get_cert_store()
    if store is not None:
        for certificate in x509.load_pem_x509_certificates(settings.client_anchors):
            store.add_cert(crypto.X509.from_cryptography(certificate))
    context.set_verify(SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if settings.client_required else 0))
    context.set_session_id(b"labserver")
