"""Which lines are HTTP's, and which only look a little like it."""

from __future__ import annotations

import pytest

from labserver.dialogues.http import http_word

_REQUESTS = [
    (b"GET / HTTP/1.1", "GET"),
    (b"POST / HTTP/1.1", "POST"),
    (b"HEAD /x?y=z HTTP/1.0", "HEAD"),
    (b"PUT / HTTP/1.1", "PUT"),
    (b"OPTIONS * HTTP/1.1", "OPTIONS"),
    (b"CONNECT localhost:3025 HTTP/1.1", "CONNECT"),
    (b"PATCH / HTTP/1.1", "PATCH"),
    (b"TRACE / HTTP/1.1", "TRACE"),
    (b"DELETE /INBOX HTTP/1.1", "DELETE"),
    (b"DELETE http://localhost:3143/ HTTP/1.1", "DELETE"),
    (b"PRI * HTTP/2.0", "PRI"),
    (b"GET /", "GET"),
    (b"GET", "GET"),
    (b"get / http/1.1", "GET"),
    (b"\tPOST\t/ HTTP/1.1", "POST"),
    (b"POST /" + b"a" * 20_000, "POST"),
    (b"PROPFIND / HTTP/1.1", "HTTP"),
    (b"x-y / HTTP/1.1", "HTTP"),
    (b"MKCOL  /  HTTP/3", "HTTP"),
    (b"Host: localhost:3025", "HTTP"),
    (b"host:localhost", "HTTP"),
    (b"Sec-Fetch-Mode: no-cors", "HTTP"),
    (b"Origin: https://evil.test", "HTTP"),
]
_OTHERS = (
    b"",
    b"DELETE 1",
    b"DELETE",
    b"GETS / x",
    b"a GET / HTTP/1.1",
    b"POSTER x",
    b"PASS:s3cret",
    b"Subject: HTTP/1.1",
    b"Hostname: x",
    b"User-Agent: a mail client, after DATA was refused",
    b"Accept-Language: de",
    b"s3cret",
    b"a XYZZY HTTP",
    b"EHLO HTTP/1.1",
)


@pytest.mark.parametrize(("line", "word"), _REQUESTS)
def test_requests(line: bytes, word: str) -> None:
    """A request line is known by its method or its version, the fields behind it by their names."""
    assert http_word(line) == word


@pytest.mark.parametrize("line", _OTHERS)
def test_others(line: bytes) -> None:
    """What a person may mistype is no request."""
    assert http_word(line) == ""
