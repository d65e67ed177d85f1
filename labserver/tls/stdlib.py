"""The fast engine: the standard library's ``ssl`` on memory, with whatever OpenSSL this host has."""

from __future__ import annotations

import hashlib
import os
import ssl
import warnings
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from labserver.errors import ConfigurationError
from labserver.events import TlsFacts
from labserver.private_files import in_a_file, open_appending
from labserver.tls.alerts import alert_in_clear
from labserver.tls.diffie_hellman import FFDHE2048, WEAK, parameters
from labserver.tls.endpoint_binding import server_end_point
from labserver.tls.engine import TlsFailure, alert_name
from labserver.tls.names import group_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine, TlsSettings

__all__ = ["StdlibEngine", "stdlib_engines"]

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_READ = 1 << 16
_CURVES = {"secp192r1": "prime192v1", "secp256r1": "prime256v1"}
"""OpenSSL's short names where they are not IANA's; there, this library knows no other."""


class StdlibEngine:
    """One connection on an :class:`ssl.SSLContext`."""

    def __init__(
        self, context: ssl.SSLContext, settings: TlsSettings, names: WeakKeyDictionary[ssl.SSLObject, str]
    ) -> None:
        self.established = False
        self.peer_closed = False
        self.failure: TlsFailure | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._names = names
        self._settings = settings
        self._unsent: list[bytes] = []
        self._alert = ""

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        if not self.established:
            self._alert = self._alert or alert_in_clear(data)
        self._incoming.write(data)

    def decrypted(self) -> bytes:
        """Drive the handshake and return what was decrypted."""
        if self.failure or self.peer_closed:
            return b""
        chunks: list[bytes] = []
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
                for data in self._unsent:
                    self._tls.write(data)
                self._unsent.clear()
            while chunk := self._tls.read(_READ):
                chunks.append(chunk)
            self.peer_closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.peer_closed = True
        except ssl.SSLError as error:
            self.failure = _failure(error, self._alert)
        return b"".join(chunks)

    def send(self, data: bytes) -> None:
        """Encrypt; before the handshake has finished, keep until then."""
        if self.failure:
            return
        if not self.established:
            self._unsent.append(data)
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self.failure = _failure(error)

    def outgoing(self) -> bytes:
        """Return the octets for the network."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def shutdown(self) -> None:
        """Queue close_notify."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failure = self.failure or _failure(error)

    def facts(self) -> TlsFacts:
        """Return what the handshake agreed on."""
        certificate = self.client_certificate
        cipher = self._tls.cipher()
        return TlsFacts(
            version=self._tls.version() or "",
            cipher=cipher[0] if cipher else "",
            server_name=self._names.get(self._tls, ""),
            alpn=self._tls.selected_alpn_protocol() or "",
            client_certificate=hashlib.sha256(certificate).hexdigest() if certificate else "",
            engine="stdlib",
        )

    def binding(self, kind: str) -> bytes | None:
        """Return a channel binding; ``tls-exporter`` has no interface in the standard library."""
        match kind:
            case "tls-unique" if self._tls.version() != "TLSv1.3":
                return self._tls.get_channel_binding("tls-unique")
            case "tls-server-end-point":
                return server_end_point(self._settings.certificate_chain)
            case _:
                return None

    @property
    def client_certificate(self) -> bytes | None:
        """The client's verified certificate (DER), None if it sent none."""
        return self._tls.getpeercert(binary_form=True) if self.established else None


def _failure(error: ssl.SSLError, alert: str = "") -> TlsFailure:
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return TlsFailure(reason=reason, alert=alert_name(reason) or alert)


def stdlib_engines(settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Build the context and return a maker of engines on it; raises ConfigurationError for a chain OpenSSL refuses."""
    for what, reason in _UNKNOWN.items():
        if getattr(settings, what) not in (None, ()):
            raise ConfigurationError(f"the standard library's TLS {reason}: another engine is needed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _limit(context, settings)
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if settings.certificate_chain:
        _load(context, settings)
    if settings.client_anchors:
        context.load_verify_locations(cadata=settings.client_anchors.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED if settings.client_required else ssl.CERT_OPTIONAL
    if settings.key_log is not None:
        os.close(open_appending(settings.key_log))  # made private here: OpenSSL would make it for everybody to read
        context.keylog_filename = str(settings.key_log)
    names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()

    def remember(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if name and isinstance(connection, ssl.SSLObject):
            names[connection] = name

    context.sni_callback = remember
    return lambda: StdlibEngine(context, settings, names)


_UNKNOWN = {
    "staple": "staples nothing",
    "suites": "cannot choose suites of TLS 1.3",
    "signatures": "cannot choose signature schemes",
    "alpn": "answers ALPN with nothing that the client does not offer",
}
"""Settings for which it has no interface."""


def _limit(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if unknown := {settings.minimum, settings.maximum} - _VERSIONS.keys():
        raise ConfigurationError(f"OpenSSL serves no {', '.join(sorted(unknown))}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are: that is why they are served
        context.minimum_version = _VERSIONS[settings.minimum]
        context.maximum_version = _VERSIONS[settings.maximum]
    try:
        for word in settings.cipher_words:  # of a list, OpenSSL ignores what it does not know
            context.set_ciphers(f"{word}:@SECLEVEL=0")
        if settings.cipher_list:
            context.set_ciphers(settings.cipher_list)
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    except ssl.SSLError as error:
        raise ConfigurationError(f"this host's OpenSSL does not serve the suites {settings.cipher_list}") from error
    _agree_on_groups(context, settings)


def _agree_on_groups(context: ssl.SSLContext, settings: TlsSettings) -> None:
    weak = [name for name in settings.groups if name in WEAK]
    curves = [name for name in settings.groups if name not in WEAK]
    if curves == ["ffdhe2048"] and settings.maximum != "TLSv1.3":
        curves = []  # the parameters below are this group; not every set_ecdh_curve knows it
    if len(curves) > 1 or len(weak) > 1:
        raise ConfigurationError("the standard library's TLS takes one group only: another engine is needed")
    try:
        if curves:
            name = group_name(curves[0])
            context.set_ecdh_curve(_CURVES.get(name, name))
        if weak or settings.weak or settings.ciphers or settings.groups == ("ffdhe2048",):
            with in_a_file(parameters(weak[0]) if weak else FFDHE2048) as file:
                context.load_dh_params(file)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"this host's OpenSSL does not serve the group {settings.groups[0]}") from error


def _load(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Hand the chain over in a file nobody else can read: the standard library takes it in no other way."""
    try:
        with in_a_file(settings.private_key + b"\n" + settings.certificate_chain) as name:
            context.load_cert_chain(name)
    except ssl.SSLError as error:
        raise ConfigurationError(f"OpenSSL does not serve this certificate: {_failure(error).reason}") from error
