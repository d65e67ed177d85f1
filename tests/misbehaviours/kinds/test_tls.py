"""How TLS answers: what the client gets of each kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from labserver.misbehaviours.chain import Chain, Tell
from labserver.misbehaviours.presentation import Presentation
from labserver.tls.client_hello import ClientHello
from tests.misbehaviours.kinds.rows import (
    made,
    refused,
)
from tests.misbehaviours.stage import moment

PRESENTED: dict[str, tuple[str, dict[str, Any], Presentation]] = {
    "a version": ("tls-version", {"version": "TLSv1.1"}, Presentation(minimum="TLSv1.1", maximum="TLSv1.1")),
    "SSL 3.0": ("tls-version", {"version": "SSLv3"}, Presentation(minimum="SSLv3", maximum="SSLv3")),
    "versions": ("tls-version", {"minimum": "TLSv1"}, Presentation(minimum="TLSv1")),
    "an old newest": ("tls-version", {"maximum": "TLSv1"}, Presentation(maximum="TLSv1")),
    "no answer": ("tls-stalled", {}, Presentation(stalled=True)),
    "old suites": ("tls-suites", {"ciphers": "RC4-SHA"}, Presentation(ciphers="RC4-SHA", maximum="TLSv1.2")),
    "new suites": (
        "tls-suites",
        {"suites": ["TLS_AES_128_CCM_8_SHA256"]},
        Presentation(suites=("TLS_AES_128_CCM_8_SHA256",), minimum="TLSv1.3"),
    ),
    "both": (
        "tls-suites",
        {"ciphers": "AES128-SHA", "suites": ["TLS_AES_128_GCM_SHA256"], "engine": "tlslite"},
        Presentation(ciphers="AES128-SHA", suites=("TLS_AES_128_GCM_SHA256",), engine="tlslite"),
    ),
    "groups": ("tls-groups", {"groups": ["X25519", "P-384"]}, Presentation(groups=("X25519", "P-384"))),
    "groups that TLS 1.3 does not have": (
        "tls-groups",
        {"groups": ["secp192r1", "secp256k1", "P-224"]},
        Presentation(groups=("secp192r1", "secp256k1", "P-224"), maximum="TLSv1.2"),
    ),
    "signatures": (
        "tls-signatures",
        {"signatures": ["RSA+SHA1", "rsa_pss_rsae_sha256"]},
        Presentation(signatures=("RSA+SHA1", "rsa_pss_rsae_sha256")),
    ),
    "signatures that TLS 1.3 does not have": (
        "tls-signatures",
        {"signatures": ["RSA+SHA1", "rsa_pkcs1_sha256"]},
        Presentation(signatures=("RSA+SHA1", "rsa_pkcs1_sha256"), maximum="TLSv1.2"),
    ),
    "a protocol": ("tls-alpn", {"protocol": "h2"}, Presentation(alpn="h2")),
    "no protocol": ("tls-alpn", {}, Presentation(alpn="")),
    "certificate asked": ("tls-client-certificate", {}, Presentation(client_certificate="asked")),
    "certificate required": (
        "tls-client-certificate",
        {"required": True},
        Presentation(client_certificate="required"),
    ),
}
HELLO = ClientHello(versions=(0x0304,), ciphers=(0x1301,), protocols=("imap",))


@pytest.mark.parametrize(("kind", "fields", "presentation"), PRESENTED.values(), ids=PRESENTED)
def test_handshakes(kind: str, fields: dict[str, Any], presentation: Presentation) -> None:
    """TLS is answered as the fields say, over what links before have said."""
    chain = Chain([made(kind, **fields)])
    assert chain.handshake(Presentation(), HELLO, moment()) == (presentation, (Tell(kind, 0),))
    before = Presentation(alpn="imap", groups=("P-521",))
    kept = chain.handshake(before, HELLO, moment())[0]
    assert kept.alpn == ("imap" if presentation.alpn is None else presentation.alpn)
    assert kept.groups == (presentation.groups or before.groups)


def test_alpn_unasked() -> None:
    """Who offers no protocol is answered without one, and has met nothing."""
    chain = Chain([made("tls-alpn", protocol="h2")])
    assert chain.handshake(Presentation(), replace(HELLO, protocols=()), moment()) == (Presentation(), ())


def test_suites_of_a_version() -> None:
    """Suites leave the versions alone that another link has set."""
    chain = Chain([made("tls-version", version="TLSv1"), made("tls-suites", ciphers="AES128-SHA")])
    expected = Presentation(minimum="TLSv1", maximum="TLSv1", ciphers="AES128-SHA")
    assert chain.handshake(Presentation(), HELLO, moment())[0] == expected


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "an empty range": ("tls-version", {"minimum": "TLSv1.3", "maximum": "TLSv1.2"}, "no version is at least TLSv1.3"),
    "no version": ("tls-version", {}, "either version or"),
    "two ways": ("tls-version", {"version": "TLSv1", "maximum": "TLSv1"}, "either version or"),
    "no suite": ("tls-suites", {}, "needs ciphers or suites"),
    "a suite for export": ("tls-suites", {"ciphers": "EXP-RC4-MD5"}, "openssl: .*; stdlib: .*; tlslite: .*EXP-RC4-MD5"),
    "RC4 by OpenSSL": ("tls-suites", {"ciphers": "RC4-SHA", "engine": "openssl"}, "openssl: OpenSSL serves no suite"),
    "no group": ("tls-groups", {"groups": []}, "length"),
    "an unknown group": ("tls-groups", {"groups": ["P-257"]}, "serves no group P-257"),
    "two weak groups": ("tls-groups", {"groups": ["dh512", "dh768"]}, "serves dh512 only without another"),
    "an unknown scheme": ("tls-signatures", {"signatures": ["RSA+SHA3"]}, r"serves no signature scheme RSA\+SHA3"),
    "nobody to judge": ("tls-client-certificate", {"engine": "tlslite"}, "the TLS library tlslite does not serve that"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
