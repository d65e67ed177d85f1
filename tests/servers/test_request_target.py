"""Whom a request is meant for: one authority, which is this machine, however the request names it."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from labserver.servers.request_target import path_of

_BAD, _OTHER = HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", "/x"),
        ("localhost", "/x"),
        ("LocalHost:3080", "/x"),
        ("localhost:0", "/x"),
        ("localhost:65535", "/x"),
        ("", _OTHER),
        (":3080", _OTHER),
        ("evil.example", _OTHER),
        ("evil.example:3080", _OTHER),
        ("localhost.evil.example", _OTHER),
        ("127.0.0.1.evil.example", _OTHER),
        ("evil-localhost", _OTHER),
        ("127.1", _OTHER),
        ("2130706433", _OTHER),
        ("[::1]", _OTHER),
        ("[::1]:3080", _OTHER),
        ("localhost,evil.example", _OTHER),
        ("localhost@evil.example", _BAD),
        ("evil.example@localhost", _BAD),
        ("user:pass@localhost", _BAD),
        ("@localhost", _BAD),
        ("localhost:", _BAD),
        ("localhost:80:80", _BAD),
        ("localhost:+80", _BAD),
        ("localhost:-1", _BAD),
        ("localhost: 80", _BAD),
        ("localhost:80 ", _BAD),
        ("localhost:0x50", _BAD),
        ("localhost:65536", _BAD),
        ("localhost:000080", _BAD),
        ("localhost:\u0663", _BAD),
        ("localhost:80/x", _BAD),
        ("localhost/x", _BAD),
        ("localhost?x", _BAD),
        ("localhost#x", _BAD),
        ("localhost\\evil.example", _BAD),
        ("local host", _BAD),
        ("localhost evil.example", _BAD),
        ("localhost\tevil.example", _BAD),
        ("localhost\0", _BAD),
        ("localhost\n", _BAD),
        ("localhost, evil.example", _BAD),
        ("http://localhost", _BAD),
        ("::1", _BAD),
        ("[::1", _BAD),
        ("[localhost]", _BAD),
        ("l\xf6calhost", _BAD),
    ],
)
def test_hosts(host: str, answer: str | HTTPStatus) -> None:
    """A Host field names this machine, with or without a port; another name is another's, anything else malformed."""
    assert path_of("/x", [host], http_1_0=False) == answer


@pytest.mark.parametrize(
    ("hosts", "http_1_0", "answer"),
    [
        ([], True, "/x"),
        ([], False, _BAD),
        (["localhost", "localhost"], False, _BAD),
        (["localhost", "evil.example"], False, _BAD),
        (["evil.example", "localhost"], False, _BAD),
        (["localhost", ""], True, _BAD),
        (["evil.example"], True, _OTHER),
    ],
)
def test_how_many(hosts: list[str], answer: str | HTTPStatus, *, http_1_0: bool) -> None:
    """There is one Host field, and none only in HTTP/1.0 (RFC 9112 3.2)."""
    assert path_of("/x", hosts, http_1_0=http_1_0) == answer


@pytest.mark.parametrize(
    ("target", "host", "answer"),
    [
        ("http://localhost/x?y", "localhost", "/x?y"),
        ("HTTP://LOCALHOST:3080/x", "localhost:3080", "/x"),
        ("http://localhost", "localhost", "/"),
        ("http://evil.example/x", "localhost", _OTHER),
        ("http://evil.example/x", "evil.example", _OTHER),
        ("http://localhost/x", "evil.example", _OTHER),
        ("http://localhost/x", "127.0.0.1", _BAD),
        ("http://localhost:1/x", "localhost:2", _BAD),
        ("http://evil.example@localhost/x", "localhost", _BAD),
        ("http://localhost@evil.example/x", "localhost", _BAD),
        ("http://localhost:x/x", "localhost", _BAD),
        ("http:///x", "localhost", _OTHER),
        ("http:/x", "localhost", _BAD),
        ("https://localhost/x", "localhost", _BAD),
        ("ftp://localhost/x", "localhost", _BAD),
        ("localhost:3080", "localhost:3080", _BAD),
        ("x", "localhost", _BAD),
        ("//evil.example/x", "localhost", "//evil.example/x"),
        ("*", "localhost", "*"),
        ("", "localhost", _BAD),
        ("http://localhost/x#y", "localhost", _BAD),
    ],
)
def test_targets(target: str, host: str, answer: str | HTTPStatus) -> None:
    """A target may name the server, too: the same one as the Host field (RFC 9112 3.2.2)."""
    assert path_of(target, [host], http_1_0=False) == answer


def test_a_named_server_without_a_host() -> None:
    """HTTP/1.0 through a proxy has no Host field; the target's authority counts all the same."""
    assert path_of("http://localhost/x", [], http_1_0=True) == "/x"
    assert path_of("http://evil.example/x", [], http_1_0=True) == _OTHER
