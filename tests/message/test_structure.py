"""Tests of labserver.message.structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.structure import body_structure
from labserver.message.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit"'
REST = "NIL NIL NIL NIL"

# Checked against Dovecot 2.3.19, which answers the same.
SAMPLES = {
    "plain": f"({TEXT} 40 3 {REST})",
    "empty": f"({TEXT} 0 0 {REST})",
    "no-header": f"({TEXT} 36 1 {REST})",
    "only-header": f"({TEXT} 0 0 {REST})",
    "not-a-header": f"({TEXT} 6 1 {REST})",
    "missing-boundaries": f'(({TEXT} 0 0 {REST}) "mixed" ("boundary" "b") NIL NIL NIL)',
    "no-boundary-parameter": f'(({TEXT} 0 0 {REST}) "mixed" NIL NIL NIL NIL)',
    "missing-end-boundary": (
        f'(({TEXT} 5 0 {REST})("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 24 0 {REST})'
        ' "mixed" ("boundary" "b") NIL NIL NIL)'
    ),
    "unclosed-inner": (
        f'((({TEXT} 3 0 {REST})({TEXT} 3 0 {REST}) "alternative" ("boundary" "inner") NIL NIL NIL)'
        f'({TEXT} 5 0 {REST}) "mixed" ("boundary" "outer") NIL NIL NIL)'
    ),
    "boundary-prefixes": (
        f'((({TEXT} 3 0 {REST}) "mixed" ("boundary" "bb") NIL NIL NIL)({TEXT} 3 0 {REST})'
        ' "mixed" ("boundary" "b") NIL NIL NIL)'
    ),
    "delivery-report": (
        f'(("text" "plain" ("charset" "us-ascii") NIL "Notification" "7bit" 33 1 {REST})'
        f'("message" "delivery-status" NIL NIL "Delivery report" "7bit" 152 {REST})'
        f'("text" "rfc822-headers" ("charset" "us-ascii") NIL "Undelivered Message Headers" "7bit" 60 3 {REST})'
        ' "report" ("report-type" "delivery-status" "boundary" "B/lab.test") NIL NIL NIL)'
    ),
    "signed": (
        f'(("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 72 2 {REST})'
        f'("application" "pgp-signature" ("name" "signature.asc") NIL "OpenPGP digital signature" "7bit" 87 {REST})'
        ' "signed" ("micalg" "pgp-sha256" "protocol" "application/pgp-signature" "boundary" "signed boundary")'
        " NIL NIL NIL)"
    ),
    "attachment": (
        f'(("text" "plain" ("charset" "iso-8859-1") NIL NIL "base64" 32 0 {REST})'
        '("application" "pdf" NIL NIL NIL "base64" 28'
        """ NIL ("attachment" ("filename*" "utf-8''Rechnung%20%E2%82%AC.pdf")) NIL NIL)"""
        ' "mixed" ("boundary" "att") NIL NIL NIL)'
    ),
    "nested-messages": (
        '("message" "rfc822" NIL NIL NIL "7bit" 78 (NIL "second" NIL NIL NIL NIL NIL NIL NIL NIL)'
        ' ("message" "rfc822" NIL NIL NIL "7bit" 29 (NIL "third" NIL NIL NIL NIL NIL NIL NIL NIL)'
        f" ({TEXT} 11 1 {REST}) 3 {REST}) 6 {REST})"
    ),
}


@pytest.mark.parametrize(("name", "expected"), SAMPLES.items(), ids=SAMPLES.keys())
def test_samples(name: str, expected: str, own_sample: Callable[[str], bytes]) -> None:
    """The samples' structures are those another server finds, too."""
    assert body_structure(tree(own_sample(name)), extended=True).decode() == expected


def test_body_has_no_extension_data(own_sample: Callable[[str], bytes]) -> None:
    """BODY is BODYSTRUCTURE without what RFC 3501 9 calls extension data."""
    answer = body_structure(tree(own_sample("attachment")), extended=False).decode()
    assert answer == (
        '(("text" "plain" ("charset" "iso-8859-1") NIL NIL "base64" 32 0)'
        '("application" "pdf" NIL NIL NIL "base64" 28) "mixed")'
    )


FIELDS = {
    "all of them": (
        (
            'MIME-Version: 1.0\nContent-ID: <a@b>\nContent-Description: d "q"\nContent-MD5: abc\n'
            "Content-Language: en, de (x), fr-CA\nContent-Location: http://x/\n y\n"
            "Content-Disposition: inline\nContent-Transfer-Encoding: 8BIT (x)"
        ),
        (
            '("text" "plain" ("charset" "us-ascii") "<a@b>" "d \\"q\\"" "8BIT" 1 0 "abc" ("inline" NIL)'
            ' ("en" "de" "fr-CA") "http://x/ y")'
        ),
    ),
    "an encoding of two words": (
        "MIME-Version: 1.0\nContent-Transfer-Encoding: quoted printable",
        f"({TEXT} 1 0 {REST})",
    ),
    "an encoding that nobody knows": (
        "MIME-Version: 1.0\nContent-Transfer-Encoding: x-rot13",
        f"({TEXT} 1 0 {REST})",
    ),
    "an encoding with a parameter": (
        "MIME-Version: 1.0\nContent-Transfer-Encoding: base64; charset=x",
        f"({TEXT} 1 0 {REST})",
    ),
    "none of them without MIME": (
        "Content-ID: <a@b>\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64",
        f"({TEXT} 1 0 {REST})",
    ),
    "the first of each": (
        "Content-Type: text/plain\nContent-Type: text/html\nContent-ID: a\nContent-ID: b",
        f'("text" "plain" ("charset" "us-ascii") "a" NIL "7bit" 1 0 {REST})',
    ),
    "the sender's spelling": (
        "CONTENT-TYPE: TEXT/HTML; CHARSET=X",
        f'("TEXT" "HTML" ("CHARSET" "X") NIL NIL "7bit" 1 0 {REST})',
    ),
    "a charset is added to other parameters": (
        "Content-Type: text/plain; format=flowed",
        f'("text" "plain" ("format" "flowed" "charset" "us-ascii") NIL NIL "7bit" 1 0 {REST})',
    ),
    "a type without subtype": (
        "Content-Type: text",
        f"({TEXT} 1 0 {REST})",
    ),
    "an unknown type without subtype": (
        "Content-Type: foo",
        f'("foo" "unknown" NIL NIL NIL "7bit" 1 {REST})',
    ),
    "a type that is none": ("Content-Type: @@", f"({TEXT} 1 0 {REST})"),
    "raw octets": (
        "Content-Type: text/plain; name=\xc3",
        f'("text" "plain" ("name" {{2}}\r\n\xc3\x83 "charset" "us-ascii") NIL NIL "7bit" 1 0 {REST})',
    ),
}


@pytest.mark.parametrize(("header", "expected"), FIELDS.values(), ids=FIELDS.keys())
def test_fields(header: str, expected: str) -> None:
    """Each Content field has its place, and a default in it."""
    answer = body_structure(tree(header.encode() + b"\n\nx"), extended=True)
    assert answer.decode().replace("\xc3", "\xc3\x83") == expected


@given(content=st.binary(max_size=200), extended=st.booleans())
def test_any_octets(content: bytes, *, extended: bool) -> None:
    """There is a structure for whatever octets."""
    header = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    assert body_structure(tree(header + content), extended=extended).startswith(b"((")


def test_every_sample_has_one(sample: bytes) -> None:
    """Structures have balanced parentheses outside strings, whatever the message."""
    answer = body_structure(tree(sample), extended=True)
    assert answer.startswith(b"(")
    assert answer.endswith(b")")
