"""Claims about reading the ClientHello: what real clients say, in whatever pieces, and never an exception."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from labserver.tls.client_hello import LIMIT, ClientHello, ClientHelloReader, Unread, parse_client_hello
from tests.clients.sandbox import missing
from tests.patience import PATIENCE
from tests.tls.hello import Parts, numbers, of_ssl, records, vector

HOST = "case.lab.test"
PROGRAMS = {
    "openssl": ("openssl", "s_client", "-connect", "127.0.0.1:{port}", "-servername", HOST, "-alpn", "imap"),
    "openssl 1.2": ("openssl", "s_client", "-connect", "127.0.0.1:{port}", "-servername", HOST, "-tls1_2"),
    "gnutls": ("gnutls-cli", "--port", "{port}", "--sni-hostname", HOST, "--alpn", "imap", "127.0.0.1"),
    "curl": ("curl", "-s", "--resolve", HOST + ":{port}:127.0.0.1", "imaps://" + HOST + ":{port}/"),
}
X25519 = 29


def _read(data: bytes) -> ClientHello:
    hello = ClientHelloReader().receive(data)
    assert isinstance(hello, ClientHello)
    return hello


def _from_program(command: tuple[str, ...]) -> tuple[ClientHello, bytes]:
    """Let a program connect; return its ClientHello, and everything it sent until that was whole."""
    if shutil.which(command[0]) is None:
        missing(command[0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        port = str(listener.getsockname()[1])
        arguments = [argument.format(port=port) for argument in command]
        with subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as program:
            connection, _ = listener.accept()
            reader, received = ClientHelloReader(), b""
            with connection:
                connection.settimeout(PATIENCE)
                hello: ClientHello | Unread = Unread.INCOMPLETE
                while hello is Unread.INCOMPLETE:
                    data = connection.recv(1 << 16)
                    assert data
                    received += data
                    hello = reader.receive(data)
            program.wait(timeout=PATIENCE)
    assert isinstance(hello, ClientHello)
    return hello, received


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: str) -> None:
    """Real programs are understood: name, versions, suites, groups, ALPN."""
    hello, received = _from_program(PROGRAMS[program])
    assert hello.server_name == HOST
    assert hello.versions[0] == (0x0303 if program == "openssl 1.2" else 0x0304)
    assert 0xC02B in hello.ciphers
    assert (0x1301 in hello.ciphers) is (program != "openssl 1.2")
    assert X25519 in hello.groups
    assert 0x0403 in hello.signatures
    assert hello.protocols == (("imap",) if "imap" in PROGRAMS[program] else ())
    assert {0, 10, 13} <= set(hello.extensions)
    assert parse_client_hello(received[5:]) == hello


def test_stdlib() -> None:
    """The standard library's client is understood, ALPN and its invented session id included."""
    hello = _read(of_ssl(HOST, protocols=("imap", "pop3")))
    assert (hello.server_name, hello.protocols) == (HOST, ("imap", "pop3"))
    assert hello.versions == (0x0304, 0x0303)
    assert len(hello.session_id) == 32
    assert not hello.grease


def test_stdlib_before_1_3() -> None:
    """A client that lists no versions has one: its newest."""
    hello = _read(of_ssl(HOST, newest=ssl.TLSVersion.TLSv1_2))
    assert (hello.versions, hello.session_id) == ((0x0303,), b"")


def test_stdlib_by_address() -> None:
    """A client that connects to an address sends no name (RFC 6066 3)."""
    assert _read(of_ssl("127.0.0.1")).server_name == ""


def test_pyopenssl() -> None:
    """A ClientHello with post-quantum key shares, longer than a segment, is understood."""
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_tlsext_host_name(HOST.encode())
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    data = client.bio_read(1 << 16)
    assert len(data) > 1460
    hello = _read(data)
    assert hello.server_name == HOST
    assert hello.groups[0] == 0x11EC  # X25519MLKEM768


GREASED = Parts(
    session_id=bytes(32),
    ciphers=(0x2A2A, 0x1301, 0x1302),
    extensions=(
        (0xFAFA, b""),
        (0, vector(2, b"\0" + vector(2, HOST.encode()))),
        (10, vector(2, numbers((0x1A1A, X25519, 23)))),
        (13, vector(2, numbers((0x4A4A, 0x0403, 0x0804)))),
        (16, vector(2, vector(1, b"\x0a\x0a") + vector(1, b"imap"))),
        (20, vector(1, b"\2\0")),
        (27, vector(1, numbers((1, 2)))),
        (43, vector(1, numbers((0x9A9A, 0x0304, 0x0303)))),
        (0x3A3A, b"\0"),
    ),
)


def test_grease() -> None:
    """What a browser strews in is told apart and left out."""
    assert _read(records(GREASED.message())) == ClientHello(
        versions=(0x0304, 0x0303),
        ciphers=(0x1301, 0x1302),
        server_name=HOST,
        groups=(X25519, 23),
        signatures=(0x0403, 0x0804),
        compressions=(1, 2),
        certificate_types=(2, 0),
        protocols=("imap",),
        session_id=bytes(32),
        extensions=(0, 10, 13, 16, 20, 27, 43),
        grease=True,
    )


@pytest.mark.parametrize("number", [0x0A1A, 0x0B0B, 0x1301])
def test_no_grease(number: int) -> None:
    """A number that only looks like GREASE stays."""
    hello = _read(records(Parts(ciphers=(number,)).message()))
    assert (hello.ciphers, hello.grease) == ((number,), False)


def test_without_extensions() -> None:
    """A ClientHello from before extensions is whole without them."""
    hello = _read(records(Parts(version=0x0301, extensions=None).message()))
    assert (hello.versions, hello.server_name, hello.extensions) == ((0x0301,), "", ())


@pytest.mark.parametrize(
    "extension",
    [
        (0, b""),
        (0, b"\xff"),
        (0, b"\0\0"),
        (0, vector(2, b"\0\xff\xffx")),
        (0, vector(2, b"\x05" + vector(2, b"other kind"))),
        (10, b"\0\x03\0\x1d\0"),
        (16, vector(2, b"\x05imap")),
        (43, b"\x04\x03\x04"),
    ],
)
def test_malformed_extension(extension: tuple[int, bytes]) -> None:
    """What is malformed inside an extension counts as absent."""
    hello = _read(records(Parts(extensions=(extension,)).message()))
    assert hello == ClientHello(versions=(0x0303,), ciphers=(0x1301, 0xC02B), extensions=(extension[0],))


@pytest.mark.parametrize(
    "data",
    [
        b"E",  # a dialogue in clear
        b"\x80",  # the ClientHello of SSL 2
        b"\x15",  # an alert
        b"\x16\x02",  # a version of SSL that never was
        b"\x16\x03\x01\x40\x01",  # a record that is too long
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # a ServerHello
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",  # an empty ClientHello
        b"\x16\x03\x01\x00\x01\x01\x17",  # a ClientHello that another kind of record interrupts
        records(b"\x01" + vector(3, Parts().message()[4:-5])),
    ],
)
def test_not_tls(data: bytes) -> None:
    """What cannot become a ClientHello is told as soon as it cannot, and for good."""
    reader = ClientHelloReader()
    outcomes = [reader.receive(bytes((octet,))) for octet in data]
    assert outcomes == [Unread.INCOMPLETE] * (len(data) - 1) + [Unread.NOT_TLS]
    assert reader.receive(records(GREASED.message())) is Unread.NOT_TLS


def test_what_follows() -> None:
    """Early data behind the ClientHello is none of the reader's business (RFC 8446 4.2.10)."""
    hello = records(GREASED.message())
    assert _read(hello + b"\x14\x03\x03\0\x01\x01\x17\x03\x03\0\x01?") == _read(hello)


def test_bound() -> None:
    """A ClientHello that does not end is given up, in empty records as well, and quickly."""
    reader = ClientHelloReader()
    endless = records(b"\x01\xff\xff\xff") + b"\x16\x03\x01\0\0" * (LIMIT // 5)
    assert reader.receive(endless[: LIMIT // 2]) is Unread.INCOMPLETE
    assert reader.receive(endless[LIMIT // 2 :]) is Unread.NOT_TLS


def test_time() -> None:
    """Octet by octet in records of one octet, the longest ClientHello costs no more than its length."""
    message = Parts(extensions=((21, bytes(20_000)),)).message()
    data = records(message, *([1] * (len(message) - 1)))
    reader = ClientHelloReader()
    began = time.process_time()
    outcomes = [reader.receive(data[at : at + 1]) for at in range(len(data))]
    assert time.process_time() - began < 5
    assert isinstance(outcomes[-1], ClientHello)


@given(st.lists(st.integers(0, 80), max_size=12), st.lists(st.integers(1, 90), max_size=12))
def test_pieces(sizes: list[int], segments: list[int]) -> None:
    """However it is cut into records and segments, the ClientHello is the same."""
    data = records(GREASED.message(), *sizes)
    reader = ClientHelloReader()
    outcomes = []
    for size in segments:
        outcomes.append(reader.receive(data[:size]))
        data = data[size:]
    outcomes.append(reader.receive(data))
    hello = _read(records(GREASED.message()))
    assert outcomes[-1] == hello
    assert set(outcomes) <= {Unread.INCOMPLETE, hello}


@given(st.integers(0, len(records(GREASED.message())) - 1))
def test_prefix(size: int) -> None:
    """A beginning is incomplete."""
    assert ClientHelloReader().receive(records(GREASED.message())[:size]) is Unread.INCOMPLETE


@given(st.lists(st.binary(max_size=200)))
def test_garbage(segments: list[bytes]) -> None:
    """No octets make an exception."""
    reader = ClientHelloReader()
    for segment in segments:
        reader.receive(segment)


@given(st.binary(max_size=300))
def test_garbage_inside(body: bytes) -> None:
    """Nor do octets in a ClientHello's frame."""
    assert ClientHelloReader().receive(records(b"\x01" + vector(3, body))) is not Unread.INCOMPLETE


@given(st.integers(0, len(GREASED.message()) - 1), st.integers(0, 255))
def test_altered(place: int, octet: int) -> None:
    """Nor does a single wrong octet anywhere."""
    message = bytearray(GREASED.message())
    message[place] = octet
    ClientHelloReader().receive(records(bytes(message)))
