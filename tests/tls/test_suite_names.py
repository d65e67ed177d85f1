"""The names of cipher suites, compared with OpenSSL's own list."""

from __future__ import annotations

import subprocess

from tlslite.constants import CipherSuite
from tlslite.handshakesettings import ALL_CIPHER_NAMES, ALL_MAC_NAMES, HandshakeSettings

from labserver.tls.suite_names import openssl_name
from tests.patience import PATIENCE

GIVEN_UP = {
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_RC4_128_MD5": "RC4-MD5",
    "TLS_DH_ANON_WITH_RC4_128_MD5": "ADH-RC4-MD5",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-ECDSA-DES-CBC3-SHA",
}
"""What OpenSSL called suites that it is no longer built with (openssl-ciphers(1))."""


def test_suites_that_openssl_has_given_up() -> None:
    """They have the names that they had."""
    assert {name: openssl_name(name) for name in GIVEN_UP} == GIVEN_UP


def test_suite_names() -> None:
    """Every suite that can be agreed on has the name that OpenSSL gives it."""
    done = subprocess.run(
        ["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    names = dict(line.split()[:3:2] for line in done.stdout.splitlines())
    settings = HandshakeSettings()
    settings.cipherNames, settings.macNames = list(ALL_CIPHER_NAMES), list(ALL_MAC_NAMES)
    suites = [
        *CipherSuite.getTLS13Suites(settings),
        *CipherSuite.getEcdheCertSuites(settings),
        *CipherSuite.getEcdsaSuites(settings),
        *CipherSuite.getDheCertSuites(settings),
        *CipherSuite.getCertSuites(settings),
        *CipherSuite.getDheDsaSuites(settings),
        *CipherSuite.getAnonSuites(settings),
        *CipherSuite.getEcdhAnonSuites(settings),
    ]
    names = {name.upper(): theirs for name, theirs in names.items()}  # IANA's "anon"
    ours = {CipherSuite.ietfNames[suite] for suite in suites} & names.keys()
    assert len(ours) > 50
    assert {name: openssl_name(name) for name in ours} == {name: names[name] for name in ours}
