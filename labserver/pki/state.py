"""``--state DIR``: a CA that outlives the run, so that clients need to be told about it once.

``authority.pem``  the intermediate's key, the intermediate, the root; the root's key exists nowhere
``server.pem``     the server's key and chain, renewed before it expires while the CA stays
``ca.pem``         the root, for clients

Key and certificates share a file, so that no crash can separate them; files are replaced, never rewritten; and whoever
opens the directory holds its lock, so that of two labs that start together one makes the CA and the other finds it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from labserver.errors import ConfigurationError
from labserver.pki.authority import KEPT_LIFETIME, Authority, LabIssuer, create_authority
from labserver.pki.chain import Chain, certificates_pem, pem
from labserver.pki.files import read_file
from labserver.pki.permitted import Permitted
from labserver.pki.profile import Profile, server_profile
from labserver.private_files import PRIVATE, PUBLIC, TEMPORARY_SUFFIX, is_trusted, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from labserver.clock import Clock, Entropy

__all__ = ["AUTHORITY_RENEWAL", "LEAF_RENEWAL", "Kept", "open_state"]

AUTHORITY_RENEWAL = timedelta(days=7)
"""A CA with less left than this is replaced, and clients must be told."""
LEAF_RENEWAL = timedelta(days=30)
"""A server certificate with less left than this is renewed, which no client notices."""

_OTHERS = 0o077
_OTHERS_WRITE = 0o022


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a state directory yields."""

    issuer: LabIssuer
    chain: Chain
    notices: tuple[str, ...] = ()


def open_state(
    directory: Path,
    *,
    host: str,
    names: tuple[str, ...],
    permitted: Permitted,
    origin: str,
    entropy: Entropy,
    clock: Clock,
) -> Kept:
    """Return the CA kept in ``directory`` and its server's chain, making what is missing or too old.

    Raises ``ConfigurationError`` when the directory or a file in it cannot be used or lies open to others.
    """
    with _locked(directory):
        authority, notices = _authority(directory, permitted, origin=origin, entropy=entropy, now=clock.now())
        issuer = LabIssuer(authority=authority, entropy=entropy, clock=clock, permitted=_permitted(authority))
        chain = _server(directory, issuer, host, names)
        _keep(directory / "ca.pem", chain.anchors_pem, mode=PUBLIC)
    return Kept(issuer=issuer, chain=chain, notices=notices)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system releases it when the process ends, however it ends."""
    import fcntl  # noqa: PLC0415 -- not on every system, and only --state wants it

    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"--state {directory}: it is a file, not a directory; name a directory for the CA")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if not is_trusted(status):
            raise ConfigurationError(
                f"{directory} belongs to another user, who could replace the CA key: name another --state directory"
            )
        if status.st_mode & _OTHERS_WRITE:
            raise ConfigurationError(f"others can write to {directory}, where a CA key is kept: chmod 700 {directory}")
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    except OSError as error:
        raise ConfigurationError(f"cannot use the state directory {directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left_behind in directory.glob(f".*{TEMPORARY_SUFFIX}"):
            left_behind.unlink()
        yield
    finally:
        os.close(descriptor)


def _authority(
    directory: Path, permitted: Permitted, *, origin: str, entropy: Entropy, now: datetime
) -> tuple[Authority, tuple[str, ...]]:
    path = directory / "authority.pem"
    notices: tuple[str, ...] = ()
    if path.exists():
        authority = _load_authority(path)
        end = x509.load_der_x509_certificate(authority.root).not_valid_after_utc
        if end - now >= AUTHORITY_RENEWAL:
            return authority, _compared(path, _permitted(authority), permitted)
        ca_pem = directory / "ca.pem"
        notices = (f"The CA kept until {end:%Y-%m-%d} was replaced: let your clients trust the new {ca_pem}.",)
    authority = create_authority(entropy, now, origin=origin, permitted=permitted, lifetime=KEPT_LIFETIME)
    _keep(path, _bundle(authority.key, (authority.intermediate, authority.root)), mode=PRIVATE)
    return authority, notices


def _compared(path: Path, kept: Permitted, wanted: Permitted) -> tuple[str, ...]:
    """Return a notice for a CA that may issue for more than is wanted; one that may not do enough is refused."""
    if not kept.includes(wanted):
        raise ConfigurationError(
            f"the CA in {path} may issue for {kept}; --permit asks for more. Name constraints cannot be changed:"
            f" remove {path} to get a new CA, which your clients must then be told to trust"
        )
    if wanted.includes(kept):
        return ()
    return (f"the CA in {path} may issue for {kept.beyond(wanted)}, too: it was made so; remove it to get a new CA",)


def _server(directory: Path, issuer: LabIssuer, host: str, names: tuple[str, ...]) -> Chain:
    path = directory / "server.pem"
    if path.exists():
        key, certificates = _load(path)
        chain = Chain(leaf=certificates[0], intermediates=certificates[1:], key=key, anchors=issuer.anchors)
        if _still_good(chain, issuer, server_profile(host, names)):
            return chain
    chain = issuer.issue_server(host, names)
    _keep(path, _bundle(chain.key, chain.certificates), mode=PRIVATE)
    return chain


def _still_good(chain: Chain, issuer: LabIssuer, wanted: Profile) -> bool:
    """Tell whether a kept chain is this CA's, names what is wanted now and is not about to expire."""
    if chain.intermediates != (issuer.authority.intermediate,):
        return False
    leaf = x509.load_der_x509_certificate(chain.leaf)
    end = x509.load_der_x509_certificate(issuer.authority.intermediate).not_valid_after_utc
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    soon = leaf.not_valid_after_utc - issuer.clock.now() < LEAF_RENEWAL
    return (
        (not soon or leaf.not_valid_after_utc == end)  # a new one could not last longer than its CA
        and [name.value for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [wanted.common_name]
        and set(names.get_values_for_type(x509.DNSName)) == set(wanted.names)
        and set(map(str, names.get_values_for_type(x509.IPAddress))) == set(wanted.addresses)
    )


def _permitted(authority: Authority) -> Permitted:
    """Read back what a CA may issue for."""
    intermediate = x509.load_der_x509_certificate(authority.intermediate)
    subtrees = intermediate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    return Permitted(
        domains=tuple(subtree.value for subtree in subtrees if isinstance(subtree, x509.DNSName)),
        networks=tuple(ip_network(str(subtree.value)) for subtree in subtrees if isinstance(subtree, x509.IPAddress)),
    )


def _load_authority(path: Path) -> Authority:
    key, certificates = _load(path)
    try:
        intermediate, root = certificates
        x509.load_der_x509_certificate(intermediate).verify_directly_issued_by(x509.load_der_x509_certificate(root))
        authority = Authority(root=root, intermediate=intermediate, key=key)
        _permitted(authority)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise _foreign(path) from error
    return authority


def _load(path: Path) -> tuple[bytes, tuple[bytes, ...]]:
    """Return a file's key (PKCS #8) and the certificates behind it, of which the first is the key's."""
    status = path.stat()
    if not is_trusted(status):
        raise ConfigurationError(f"{path} belongs to another user: remove it, or name another --state directory")
    if status.st_mode & _OTHERS:
        raise ConfigurationError(f"others can read the private key in {path}: chmod 600 {path}")
    content = read_file(path, "the kept key and certificates")
    try:
        key = load_pem_private_key(content, None)
        certificates = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError) as error:
        raise _foreign(path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificates[0].public_key() != key.public_key():
        raise _foreign(path)
    return (
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates),
    )


def _foreign(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is not what labserver wrote there: remove it, or name another --state directory")


def _bundle(key: bytes, certificates: tuple[bytes, ...]) -> bytes:
    return pem("PRIVATE KEY", key) + certificates_pem(certificates)


def _keep(path: Path, content: bytes, *, mode: int) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_file(path, content, mode=mode)
