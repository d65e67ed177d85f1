"""Addresses in their comparable form."""

from __future__ import annotations

import pytest

from labserver.mailstore.addresses import Address, is_loopback_literal, parse_address


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("alice", "alice", ""),
        ("Alice@LAB.Test", "alice", "lab.test"),
        ("alice@lab.test.", "alice", "lab.test"),
        ('"alice"@lab.test', "alice", "lab.test"),
        ('"al\\ice"@lab.test', "alice", "lab.test"),
        ('"a@b"@lab.test', "a@b", "lab.test"),
        ('"two words"@lab.test', "two words", "lab.test"),
        ('"alice"', "alice", ""),
        ("a@b@lab.test", "a@b", "lab.test"),
        ("müller@MÜNCHEN.example", "müller", "xn--mnchen-3ya.example"),
        ("mu\u0308ller@xn--mnchen-3ya.example", "müller", "xn--mnchen-3ya.example"),
        ("x@faß.example", "x", "xn--fa-hia.example"),
        ("straße@例え.テスト", "strasse", "xn--r8jz45g.xn--zckzah"),
        ("x@\u2615..example", "x", "\u2615..example"),
        ("@lab.test", "", "lab.test"),
        ("", "", ""),
        ("x@[IPv6:::1]", "x", "[ipv6:::1]"),
    ],
)
def test_comparable_form(text: str, local: str, domain: str) -> None:
    """Case, quotes, Unicode form and the two spellings of a domain make no difference; nothing raises."""
    assert parse_address(text) == Address(local, domain)


@pytest.mark.parametrize(
    ("domain", "loopback"),
    [
        ("[127.0.0.1]", True),
        ("[127.66.1.2]", True),
        ("[IPv6:::1]", True),
        ("[ipv6:0:0:0:0:0:0:0:1]", True),
        ("[192.0.2.1]", False),
        ("[IPv6:2001:db8::1]", False),
        ("[nonsense]", False),
        ("127.0.0.1", False),
        ("localhost", False),
    ],
)
def test_loopback_literals(domain: str, loopback: bool) -> None:  # noqa: FBT001 -- a table's column
    """RFC 5321 4.1.3 literals of this host, and nothing else."""
    assert is_loopback_literal(domain) is loopback
