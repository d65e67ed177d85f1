"""Claims about old versions of TLS: served when asked for, refused by a modern client, and probed before."""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from labserver.tls.engine import VERSIONS, TlsSettings, make_engines
from labserver.tls.probe import unavailable
from tests.tls.clients import NAME

if TYPE_CHECKING:
    import trustme

    from labserver.tls.engine import TlsEngine

ENGINES = ("openssl", "stdlib")
OLD = ("TLSv1", "TLSv1.1")
PROTOCOL_VERSION = bytes((2, 70))
"""A fatal protocol_version alert (RFC 8446 6)."""
ANYTHING = "ALL:@SECLEVEL=0"


@dataclass(slots=True)
class Talk:
    """What became of a handshake."""

    client: ssl.SSLObject
    alerts: list[bytes]
    """Alerts in clear, of either side."""


def _client(authority: trustme.CA, oldest: str, newest: str, ciphers: str = "DEFAULT") -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode("ascii"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = getattr(ssl.TLSVersion, oldest.replace(".", "_"))
        context.maximum_version = getattr(ssl.TLSVersion, newest.replace(".", "_"))
    context.set_ciphers(ciphers)
    return context


def _talk(context: ssl.SSLContext, engine: TlsEngine) -> Talk:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    alerts = []
    for _ in range(3):
        with suppress(ssl.SSLError):
            client.do_handshake()
        sent = outgoing.read()
        engine.receive(sent)
        engine.decrypted()
        answered = engine.outgoing()
        incoming.write(answered)
        alerts += [flight[5:7] for flight in (sent, answered) if flight[:1] == b"\x15"]
    return Talk(client, alerts)


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    """Return each engine's name."""
    return str(request.param)


@pytest.mark.parametrize("version", OLD)
def test_served(version: str, name: str, tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A client that still takes the old version gets it, verifies the certificate and is understood."""
    engine = make_engines(name, replace(tls_settings, minimum=version, maximum=version))()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = _client(authority, version, "TLSv1.3", ANYTHING).wrap_bio(incoming, outgoing, server_hostname=NAME)
    for _ in range(2):
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        engine.receive(outgoing.read())
        engine.decrypted()
        incoming.write(engine.outgoing())
    client.do_handshake()
    client.write(b"hello")
    engine.receive(outgoing.read())
    assert engine.decrypted() == b"hello"
    assert client.version() == engine.facts().version == version


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("newest", ["TLSv1.2", "TLSv1.3"])
def test_refused(version: str, newest: str, name: str, tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A client that takes TLS 1.2 or newer only does not get through, and protocol_version says why.

    The alert is the client's when its ClientHello did not list versions, and the server's when it did.
    """
    engine = make_engines(name, replace(tls_settings, minimum=version, maximum=version))()
    talk = _talk(_client(authority, "TLSv1.2", newest), engine)
    assert talk.alerts == [PROTOCOL_VERSION]
    assert not engine.established
    assert engine.failure is not None
    assert engine.failure.alert == ("protocol_version" if newest == "TLSv1.2" else "")


def test_never_anonymous(name: str, tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A client that offers suites without authentication still gets a certificate: the version is the only fault."""
    engine = make_engines(name, replace(tls_settings, minimum="TLSv1", maximum="TLSv1"))()
    talk = _talk(_client(authority, "TLSv1", "TLSv1", "aNULL:ALL:@SECLEVEL=0"), engine)
    assert engine.established
    assert talk.client.getpeercert()


@pytest.mark.parametrize("newest", OLD)
def test_modern_by_default(newest: str, name: str, tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """Unless it is asked for, nothing below TLS 1.2 is served."""
    engine = make_engines(name, tls_settings)()
    assert _talk(_client(authority, "TLSv1", newest, ANYTHING), engine).alerts == [PROTOCOL_VERSION]
    assert not engine.established


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_available(version: str, name: str, tls_settings: TlsSettings) -> None:
    """The probe finds every version that was just served."""
    assert unavailable(replace(tls_settings, minimum=version, maximum=version), name) is None


def test_unavailable_versions(name: str, tls_settings: TlsSettings) -> None:
    """What no OpenSSL serves is told with the library's reason."""
    reason = unavailable(replace(tls_settings, minimum="TLSv1.3", maximum="TLSv1.2"), name)
    assert reason == (
        f"This host's OpenSSL does not serve TLSv1.3 to TLSv1.2 with the {name} engine: no protocols available."
    )


def test_unavailable_policy(tls_settings: TlsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose policy takes an old version away from the standard library is found out."""
    monkeypatch.setattr("labserver.tls.engine.LEGACY_CIPHERS", "DEFAULT:@SECLEVEL=2")
    reason = unavailable(replace(tls_settings, minimum="TLSv1", maximum="TLSv1"), "stdlib")
    assert reason is not None
    assert reason.startswith("This host's OpenSSL does not serve TLSv1 with the stdlib engine: ")


def test_unavailable_key(name: str, tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A chain that OpenSSL does not take is a reason as well."""
    other = authority.issue_cert(NAME).private_key_pem.bytes()
    reason = unavailable(replace(tls_settings, private_key=other), name)
    assert reason is not None
    assert "key" in reason
