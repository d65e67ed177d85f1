"""TLS scenarios on the wire: old versions, weak suites and nothing else, and a ClientHello that is never answered."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.places import Way, gnutls_cli, place, places, s_client
from tests.scenarios.wire import Wire, client_hello, lenient, modern

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

SERVICES = ("smtp", "imaps", "pop3s", "submission")
TLS_1_0 = b"\x03\x01"
ALERT, HANDSHAKE, SERVER_HELLO = 21, 22, 2
FATAL_PROTOCOL_VERSION = b"\x02\x46"
"""RFC 8446 6."""
_SILENCE = 0.3
"""Seconds in which an honest server has long answered."""


@pytest.mark.parametrize(("scenario", "service", "way"), places(["tls-v1-0"], SERVICES))
def test_old_version(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """A client that still takes TLS 1.0 is answered with a ServerHello of TLS 1.0, whatever else it takes."""
    where = place(stage, scenario, service, way)
    with Wire(where).begin() as wire:
        wire.send(client_hello(lenient(), where.name))
        flight = wire.segment()
    assert (flight[0], flight[1:3]) == (HANDSHAKE, TLS_1_0)
    assert (flight[5], flight[9:11]) == (SERVER_HELLO, TLS_1_0)


@pytest.mark.parametrize(("scenario", "service", "way"), places(["tls-v1-0"], SERVICES))
def test_old_version_refused(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """A client that takes TLS 1.2 and 1.3 only is told ``protocol_version``, in clear, and nothing else."""
    where = place(stage, scenario, service, way)
    with Wire(where).begin() as wire:
        wire.send(client_hello(modern(where), where.shown))
        flight = b"".join(iter(wire.segment, b""))
    assert (flight[0], flight[5:]) == (ALERT, FATAL_PROTOCOL_VERSION)


@pytest.mark.client
@pytest.mark.parametrize(("scenario", "service", "way"), places(["tls-v1-0"], SERVICES))
def test_old_version_is_the_only_fault(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """s_client, made to take TLS 1.0, finds nothing else to complain of; gnutls-cli, told not to, does not take it."""
    where = place(stage, scenario, service, way)
    printed = s_client(where, "-cipher", "DEFAULT:@SECLEVEL=0", "-verify_return_error")
    assert "New, TLSv1.0, Cipher is ECDHE-ECDSA-" in printed
    assert "Verify return code: 0 (ok)" in printed
    assert "fatal alert has been received" in gnutls_cli(
        where, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
    )


FOUND = {
    "tls-v1-1": (("-cipher", "DEFAULT:@SECLEVEL=0"), "Protocol  : TLSv1.1"),
    "tls-null-cipher": (("-cipher", "NULL:@SECLEVEL=0"), "Cipher is ECDHE-ECDSA-NULL-SHA"),
    "tls-dh1024": (("-cipher", "DHE:@SECLEVEL=0"), "Server Temp Key: DH, 1024 bits"),
    "tls-sha1-signature": (("-cipher", "DEFAULT:@SECLEVEL=0"), "Peer signing digest: SHA1"),
    "tls-client-certificate": ((), "Acceptable client certificate CA names|Requested Signature Algorithms"),
}
"""What ``openssl s_client`` has to be told to take it, and what it finds then."""
REFUSED = {
    "tls-sslv3": "protocol version|unsupported protocol",
    "tls-rc4": "insufficient security",
    "tls-3des": "insufficient security",
    "tls-anonymous": "handshake failure",
    "tls-alpn-mismatch": "bad extension",
}
"""What ``openssl s_client`` says to what it never takes."""


@pytest.mark.client
@pytest.mark.parametrize(("scenario", "service", "way"), places(FOUND, ("submission", "imaps")))
def test_what_s_client_finds(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """A client that takes it gets it, and finds nothing else to complain of."""
    options, found = FOUND[scenario]
    printed = s_client(place(stage, scenario, service, way), *options, "-verify_return_error")
    assert re.search(found, printed), printed
    assert "Verify return code: 0 (ok)" in printed


@pytest.mark.client
@pytest.mark.parametrize(("scenario", "service", "way"), places(REFUSED, ("smtp", "pop3s")))
def test_what_s_client_refuses(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """OpenSSL does not take it."""
    printed = s_client(place(stage, scenario, service, way), "-alpn", "imap")
    assert re.search(REFUSED[scenario], printed), printed
    assert "no peer certificate available" in printed


@pytest.mark.client
@pytest.mark.parametrize(("scenario", "found"), [("tls-rc4", "ARCFOUR-128"), ("tls-3des", "3DES-CBC")])
def test_what_gnutls_still_takes(stage: LabProcess, scenario: str, found: str) -> None:
    """GnuTLS can be told to take what OpenSSL has given up, and trusts the certificate."""
    where = place(stage, scenario, "imap", Way.NAME)
    printed = gnutls_cli(where, "--priority", "NORMAL:+ARCFOUR-128:+3DES-CBC")
    assert re.search(rf"Description: \(TLS1\.2.*\({found}\)", printed), printed
    assert "Status: The certificate is trusted." in printed


@pytest.mark.parametrize(("scenario", "service", "way"), places(["handshake-stall"], SERVICES))
def test_stall(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """The ClientHello is taken, not one octet comes back, and the connection stays open."""
    where = place(stage, scenario, service, way)
    with Wire(where).begin() as wire:
        before = len(stage.events("Misbehaved"))
        wire.send(client_hello(modern(where), where.shown))
        assert wire.silent(_SILENCE)
        (misbehaved,) = stage.events("Misbehaved")[before:]
    assert (misbehaved["scenario"], misbehaved["facet"]) == ("handshake-stall", "tls-stalled")


def test_stall_begins_in_good_order(stage: LabProcess) -> None:
    """Up to the ClientHello everything is as it should be: STARTTLS is offered and accepted."""
    with Wire(place(stage, "handshake-stall", "imap", Way.ADDRESS)) as wire:
        assert wire.greeting.startswith(b"* OK [CAPABILITY IMAP4rev1 ")
        assert b" STARTTLS" in wire.capabilities()
        assert wire.ask(b"a2 STARTTLS\r\n") == b"a2 OK Begin TLS negotiation now\r\n"
        assert wire.silent(_SILENCE), "no ClientHello, no fault: the server waits like any other"


def test_the_same_hello_elsewhere(stage: LabProcess) -> None:
    """The silence is the scenario's: with another name in it the same ClientHello is answered at once."""
    where = place(stage, "good", "imaps", Way.NAME)
    with Wire(where) as wire:
        wire.shake()
        assert wire.line().startswith(b"* OK ")
        assert ssl.DER_cert_to_PEM_cert(wire.certificate())
