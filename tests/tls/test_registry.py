"""Names of what a ClientHello holds: IANA's, as other tables here and tlslite-ng have them."""

from __future__ import annotations

import pytest
from tlslite.constants import CipherSuite, GroupName, SignatureScheme

from labserver.tls.client_hello import EXTENSIONS
from labserver.tls.names import signature_number
from labserver.tls.registry import EXTENSION_NAMES, extension_name, group_number_name, scheme_name, version_name
from labserver.tls.suite_numbers import SUITES, suite_name


def test_suites() -> None:
    """They are tlslite-ng's, but for those of SSL 2.0."""
    theirs = {number: name for number, name in CipherSuite.ietfNames.items() if not name.startswith("SSL_")}
    assert theirs == SUITES


@pytest.mark.parametrize(
    "name", ["rsa_pkcs1_md5", "ecdsa_sha1", "rsa_pss_rsae_sha256", "ed25519", "ecdsa_secp256r1_sha256"]
)
def test_schemes(name: str) -> None:
    """A scheme's name and number are the same in both directions."""
    number = signature_number(name)
    assert number is not None
    assert scheme_name(number) == name


def test_theirs() -> None:
    """Groups and schemes are called as tlslite-ng calls them."""
    assert group_number_name(GroupName.x25519) == "x25519"
    assert group_number_name(GroupName.ffdhe2048) == GroupName.toRepr(GroupName.ffdhe2048)
    assert scheme_name(0x0805) == SignatureScheme.toRepr((8, 5))


def test_extensions() -> None:
    """Those that a case may want have the names that recipes have."""
    assert {EXTENSION_NAMES[number] for number in EXTENSIONS.values()} == set(EXTENSIONS)


def test_unknown() -> None:
    """What has no name here is a number."""
    names = (version_name, suite_name, group_number_name, scheme_name, extension_name)
    assert {name(0xFEFE) for name in names} == {"0xfefe"}
