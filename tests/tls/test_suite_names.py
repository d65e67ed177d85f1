"""The names of cipher suites, compared with OpenSSL's own list."""

from __future__ import annotations

import subprocess

from tlslite.constants import CipherSuite
from tlslite.handshakesettings import HandshakeSettings

from labserver.tls.suite_names import openssl_name
from tests.patience import PATIENCE


def test_suite_names() -> None:
    """Every suite that can be agreed on has the name that OpenSSL gives it."""
    done = subprocess.run(
        ["openssl", "ciphers", "-stdname", "ALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    names = dict(line.split()[:3:2] for line in done.stdout.splitlines())
    settings = HandshakeSettings()
    settings.cipherNames = [
        "aes128gcm",
        "aes256gcm",
        "aes128ccm",
        "aes128ccm_8",
        "chacha20-poly1305",
        "aes256",
        "aes128",
    ]
    suites = [
        *CipherSuite.getTLS13Suites(settings),
        *CipherSuite.getEcdheCertSuites(settings),
        *CipherSuite.getEcdsaSuites(settings),
        *CipherSuite.getDheCertSuites(settings),
        *CipherSuite.getCertSuites(settings),
        *CipherSuite.getDheDsaSuites(settings),
    ]
    ours = {CipherSuite.ietfNames[suite] for suite in suites} & names.keys()
    assert len(ours) > 30
    assert {name: openssl_name(name) for name in ours} == {name: names[name] for name in ours}
