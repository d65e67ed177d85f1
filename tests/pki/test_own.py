"""Claims about serving the operator's own certificate: what is refused, what is said, and that both name the file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from labserver.clock import SystemClock
from labserver.errors import ConfigurationError
from labserver.pki.own import load_own, matches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain

NOW = SystemClock().now()


@pytest.fixture
def files(pki_chain: Chain, tmp_path: Path) -> tuple[Path, Path]:
    """Return the paths of a good chain and its key."""
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.write_bytes(pki_chain.chain_pem)
    key.write_bytes(pki_chain.key_pem)
    return certificate, key


def test_a_good_pair_is_served_as_it_is(files: tuple[Path, Path], pki_chain: Chain) -> None:
    """The chain goes on the wire octet for octet, without comment; its anchor is unknown."""
    chain, notices = load_own(*files, host="lab.test", now=NOW)
    assert chain.certificates == pki_chain.certificates
    assert chain.key == pki_chain.key
    assert chain.anchors == ()
    assert notices == ()


def test_a_root_at_the_end_is_the_anchor(files: tuple[Path, Path], pki_chain: Chain) -> None:
    """A self-signed certificate in last place is served, as the file says, and is what clients should trust."""
    files[0].write_bytes(pki_chain.chain_pem + pki_chain.anchors_pem)
    chain, _ = load_own(*files, host="lab.test", now=NOW)
    assert chain.intermediates == (*pki_chain.intermediates, *pki_chain.anchors)
    assert chain.anchors == pki_chain.anchors


@pytest.mark.parametrize("style", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_one_file_may_hold_everything(files: tuple[Path, Path], pki_chain: Chain, style: PrivateFormat) -> None:
    """A combined file works without --key, whatever the key's PEM form and whatever stands around it."""
    key = load_der_private_key(pki_chain.key, None).private_bytes(Encoding.PEM, style, NoEncryption())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    files[0].write_bytes(b"made by me\n" + parameters + key + pki_chain.chain_pem)
    chain, _ = load_own(files[0], None, host="lab.test", now=NOW)
    assert (chain.certificates, chain.key) == (pki_chain.certificates, pki_chain.key)


def encrypted(chain: Chain) -> bytes:
    """Return the chain's key under a passphrase."""
    key = load_der_private_key(chain.key, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))


def other_key(_: Chain) -> bytes:
    """Return a key of another kind that belongs to nobody."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


UNUSABLE: dict[str, tuple[str, Callable[[Chain], bytes | None], str]] = {
    "certificate missing": ("fullchain.pem", lambda _: None, r"cannot read the certificate .*: No such file"),
    "key missing": ("privkey.pem", lambda _: None, r"cannot read the private key .*: No such file"),
    "certificate is DER": (
        "fullchain.pem",
        lambda chain: chain.leaf,
        r"openssl x509 -inform der -in \S+fullchain\.pem",
    ),
    "certificate damaged": (
        "fullchain.pem",
        lambda chain: chain.leaf_pem.replace(b"MII", b"AAA", 1),
        "holds a damaged certificate",
    ),
    "certificate cut off": ("fullchain.pem", lambda chain: chain.leaf_pem[:200], "holds a damaged certificate"),
    "key is DER": ("privkey.pem", lambda chain: chain.key, r"openssl pkey -inform der -in \S+privkey\.pem"),
    "key encrypted": ("privkey.pem", encrypted, r"is encrypted .* openssl pkey -in \S+privkey\.pem"),
    "key damaged": (
        "privkey.pem",
        lambda chain: chain.key_pem.replace(b"MIG", b"AAA", 1),
        "holds a private key that cannot be used",
    ),
    "key is another's": ("privkey.pem", other_key, "belongs to no certificate in"),
    "leaf not first": (
        "fullchain.pem",
        lambda chain: b"".join(
            reversed(re.findall(rb"-----BEGIN.*?END CERTIFICATE-----\n", chain.chain_pem, re.DOTALL))
        ),
        r"belongs to certificate 2 in .*: put that one first",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_work_is_refused(files: tuple[Path, Path], pki_chain: Chain, case: str) -> None:
    """Each way of being unusable is one sentence that names the file and what to do."""
    name, spoil, message = UNUSABLE[case]
    path = files[0].parent / name
    content = spoil(pki_chain)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_own(*files, host="lab.test", now=NOW)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "later", "message"),
    [
        ("lab.test", timedelta(days=40), r"fullchain\.pem expired on \d{4}-\d\d-\d\d"),
        ("lab.test", timedelta(days=-3), r"fullchain\.pem is not valid before \d{4}-\d\d-\d\d 00:00 UTC"),
        ("mail.example.com", timedelta(), r"fullchain\.pem is not for mail\.example\.com"),
    ],
)
def test_what_displeases_clients_is_said(files: tuple[Path, Path], host: str, later: timedelta, message: str) -> None:
    """A wrong date or name is served on purpose, perhaps, and announced in any case."""
    _, notices = load_own(*files, host=host, now=NOW + later)
    assert len(notices) == 1
    assert re.search(message, notices[0])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("lab.test", True),
        ("LAB.test", True),
        ("a.lab.test", True),
        ("a.b.lab.test", False),
        ("xlab.test", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("::1", True),
        ("0:0:0:0:0:0:0:1", True),
    ],
)
def test_matching(pki_chain: Chain, host: str, expected: bool) -> None:  # noqa: FBT001 -- a column of the table
    """A wildcard stands for exactly one label, addresses are compared as addresses (RFC 9525 6.3, 6.4)."""
    assert matches(x509.load_der_x509_certificate(pki_chain.leaf), host) is expected


def test_a_certificate_without_names_matches_nothing(pki_issuer: LabIssuer) -> None:
    """The common name identifies nobody (RFC 9525 1.3)."""
    assert not matches(x509.load_der_x509_certificate(pki_issuer.authority.root), "lab.test")
