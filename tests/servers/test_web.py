"""Claims about the HTTP port: what is published and nothing else, for this machine only, and bounded."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.integration.labs import LabProcess, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST = "/crl/revoked/intermediate.crl"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab that may have three connections at once."""
    with running(tmp_path_factory.mktemp("web"), "--services", "imaps", "--max-connections", "3") as lab:
        yield lab


@pytest.fixture
def port(lab: LabProcess) -> int:
    """Return the port of what is published."""
    url = urlsplit(lab.ready["urls"]["http"])
    assert (url.scheme, url.hostname, url.path) == ("http", "127.0.0.1", "/")
    assert url.port is not None
    return int(url.port)


def _raw(port: int, *octets: bytes) -> bytes:
    """Return all that comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        for some in octets:
            connection.sendall(some)
        heard = b""
        try:
            while data := connection.recv(1 << 16):
                heard += data
        except ConnectionResetError:
            pass
        return heard


def _status(port: int, *lines: str) -> int:
    """Return the status that a request gets."""
    answered = _raw(port, "\r\n".join([*lines, "Connection: close", "", ""]).encode())
    return int(answered.split(b" ", 2)[1])


def test_get(port: int) -> None:
    """A scenario that nobody has met yet has its list; HEAD tells its length; a connection takes several requests."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for method in ("GET", "HEAD", "GET"):
        connection.request(method, LIST)
        answer = connection.getresponse()
        body = answer.read()
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pkix-crl")
        assert body.startswith(b"\x30") is (method == "GET")
        assert len(body) in {0, int(answer.headers["content-length"])}
    connection.request("DELETE", LIST)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["allow"], answer.read()) == (405, "GET, HEAD", b"")
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b"")
    connection.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("LOCALHOST:1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example:80", 421),
        ("", 421),
    ],
)
def test_hosts(port: int, host: str, status: int) -> None:
    """Under another site's name there is nothing, lest that site's pages read it (DNS rebinding)."""
    assert _status(port, f"GET {LIST} HTTP/1.1", f"Host: {host}") == status


def test_reason(port: int) -> None:
    """The refusal is told by its name (RFC 9110 15.5.20), which Twisted does not know."""
    answered = _raw(port, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


def test_without_a_host(port: int) -> None:
    """HTTP/1.0 needs no Host, and OpenSSL speaks that; HTTP/1.1 needs one (RFC 9112 3.2)."""
    assert _status(port, f"GET {LIST} HTTP/1.0") == 200
    assert _status(port, f"GET {LIST} HTTP/1.1") == 400


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        (LIST, ["Host: localhost", "Host: localhost"], 400),
        (LIST, ["Host: localhost", "Host: evil.example"], 400),
        (LIST, ["Host: evil.example", "X: y", "hOST: localhost"], 400),
        (LIST, ["Host: user@localhost"], 400),
        (LIST, ["Host: localhost:http"], 400),
        (LIST, ["Host: local host"], 400),
        (LIST, ["Host:\t localhost \t"], 200),
        (f"http://localhost{LIST}", ["Host: localhost"], 200),
        (f"http://evil.example{LIST}", ["Host: localhost"], 421),
        (f"http://evil.example{LIST}", ["Host: evil.example"], 421),
        (f"http://localhost{LIST}", ["Host: evil.example"], 421),
        (f"http://user@localhost{LIST}", ["Host: localhost"], 400),
        (f"https://localhost{LIST}", ["Host: localhost"], 400),
        ("localhost:80", ["Host: localhost"], 400),
    ],
)
def test_whom_it_is_for(port: int, target: str, fields: list[str], status: int) -> None:
    """A request that names another server, two, or none, in its target or its fields, is refused."""
    assert _status(port, f"GET {target} HTTP/1.1", *fields) == status


_POST = b"POST /ocsp/revoked HTTP/1.1\r\nHost: localhost\r\n"
_HIDDEN = b"GET /crl/revoked/intermediate.crl HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nX: y\r\nTransfer-Encoding: chunked\r\nY: z\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: " + b"9" * 5_000 + b"\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n",
        b"X: y\r\n\tz\r\n",
        b" X: y\r\n",
        b"X: y\nContent-Length: 5\r\n",
        b"X: y\rContent-Length: 5\r\n",
        b"X: \x00\r\n",
        b"X: \x1b[2J\r\n",
        b"X\r\n",
        b": y\r\n",
        b"X Y: z\r\n",
    ],
)
def test_where_a_request_ends(lab: LabProcess, port: int, fields: bytes) -> None:
    """A request whose end another server could find elsewhere gets one 400, and what is behind it is no request."""
    answered = _raw(port, _POST + fields + b"\r\n" + b"0\r\n\r\n" + _HIDDEN)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1") == 1
    lab.sound()


def test_chunks_are_of_http_1_1(port: int) -> None:
    """HTTP/1.0 knows no chunks (RFC 9112 6.1)."""
    head = b"POST /ocsp/revoked HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _raw(port, head + b"0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_is_no_form(lab: LabProcess, port: int, media_type: str) -> None:
    """A form is not taken apart: it is an OCSP request that makes no sense."""
    body = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + "a=b&" * 1000
    answered = _raw(
        port,
        _POST
        + f"Connection: close\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode(),
    )
    assert answered.startswith(b"HTTP/1.1 200 ")
    lab.sound()


@pytest.mark.parametrize(("size", "status"), [(8192, b"200"), (8193, b"413"), (1_000_000, b"413"), (10_000_000, b"")])
@pytest.mark.parametrize("chunked", [False, True])
def test_long_bodies(port: int, size: int, status: bytes, *, chunked: bool) -> None:
    """A body longer than an OCSP request can be is refused, however announced; one without end is not heard out."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    head = f"POST /ocsp/revoked HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}\r\n\r\n".encode()
    body = (b"%x\r\n" % size + bytes(size) + b"\r\n0\r\n\r\n") if chunked else bytes(size)
    try:
        answered = _raw(port, head, body)
    except ConnectionError:  # it ended while the body was sent
        answered = b""
    assert answered[9:12] == status


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    ],
    ids=["blank", "no path", "TLS", "long path", "many fields"],
)
def test_nonsense(lab: LabProcess, port: int, octets: bytes) -> None:
    """What is no request is refused, or ends the connection, and nothing else happens."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        try:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            heard = connection.recv(1 << 16)
        except OSError:  # it ended before all was sent, or before we had
            heard = b""
    assert not heard or heard.split(b" ", 2)[1] in {b"400", b"404", b"421"}
    lab.sound()
    assert _status(port, f"GET {LIST} HTTP/1.1", "Host: localhost") == 200


def test_too_many(port: int) -> None:
    """Beyond the limit of connections the next one is dropped; afterwards there is room again."""
    crowd = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(3)]
    for one in crowd:  # each is known to be there when it has been answered
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.recv(1 << 16).startswith(b"HTTP/1.1 404")
    assert _raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
    for one in crowd:
        one.close()
    answered = b""
    while not answered:  # as soon as the lab has noticed
        answered = _raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 404")


def test_costs_nothing() -> None:
    """Twisted's HTTP is not imported before somebody comes."""
    program = "import sys, labserver.lab, labserver.servers.publisher\n"
    program += "print([name for name in sys.modules if name.startswith('twisted.web')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "[]\n"
