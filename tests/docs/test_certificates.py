"""What docs/CERTIFICATES.md says is where, is there; and it leaves out nothing of badssl.com."""

from __future__ import annotations

import re

import pytest

from tests.docs.documents import ROOT, section, table
from tests.ours import CATALOGUE

_TEXT = (ROOT / "docs" / "CERTIFICATES.md").read_text(encoding="utf-8")
_BADSSL = """
    expired wrong.host self-signed untrusted-root revoked pinning-test no-common-name no-subject incomplete-chain
    sha1-intermediate sha256 sha384 sha512 1000-sans 10000-sans ecc256 ecc384 rsa2048 rsa8192 mixed-script very mixed
    mixed-favicon mixed-form http-password http-login http-dynamic-login http-credit-card cbc rc4-md5 rc4 3des null
    mozilla-old mozilla-intermediate mozilla-modern dh480 dh512 dh1024 dh2048 dh-small-subgroup dh-composite static-rsa
    invalid-expected-sct hsts upgrade preloaded-hsts subdomain.preloaded-hsts https-everywhere http spoofed-favicon
    long-extended-subdomain-name-containing-many-letters-and-dashes
    longextendedsubdomainnamewithoutdashesinordertotestwordwrapping superfish edellroot dsdtestprovider preact-cli
    webpack-dev-server sha1-2016 sha1-2017 tls-v1-0 tls-v1-1 tls-v1-2 client client-cert-missing no-san no-sct
    reversed-chain md5 sha1 rsa512 rsa1024 rsa3072 rsa4096 extended-validation captive-portal mitm-software
    known-interception blocked-interception preloaded-expect-ct xn--n1aae7f7o fallback
"""
"""Its front page, its dashboard and its configuration of certificates, as of 2024."""


def _ids(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("heading", ["badssl.com", "x509-limbo", "BetterTLS"])
def test_every_scenario_exists(heading: str) -> None:
    """Each row names scenarios that there are, or none with a reason."""
    rows = table(section(_TEXT, f"## {heading}"))
    unknown = {identifier for row in rows for identifier in _ids(row[1]) if identifier not in CATALOGUE}
    assert unknown == set()
    assert [row[0] for row in rows if not _ids(row[1]) and not row[2] and row[1] != "as below"] == []
    assert len({row[0] for row in rows}) == len(rows)


def test_all_of_badssl() -> None:
    """Each of its subdomains has a row."""
    rows = {row[0] for row in table(section(_TEXT, "## badssl.com"))}
    assert set(_BADSSL.split()) - rows == set()


@pytest.mark.parametrize(("heading", "source"), [("badssl.com", "badssl"), ("x509-limbo", "x509-limbo")])
def test_references(heading: str, source: str) -> None:
    """A scenario that says it is another collection's is in the row of that name or namespace."""
    rows = {row[0].replace(" itself", "").strip("`"): _ids(row[1]) for row in table(section(_TEXT, f"## {heading}"))}
    for identifier, scenario in CATALOGUE.items():
        for reference in scenario.references:
            whose, _, names = reference.partition(": ")
            for name in names.split(", ") if whose == source else ():
                row = max((one for one in rows if name == one or name.startswith(f"{one}::")), key=len)
                assert identifier in rows[row], reference
