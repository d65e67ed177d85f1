"""What a certificate says, as data: before it has a key, an issuer or a date.

Profiles are honest: they are those of the known-good lab. What is to be wrong is written as a recipe
(:mod:`labserver.pki.specification`), whose good certificate says the same as the server's here; a test sees to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from labserver.errors import ConfigurationError
from labserver.pki.permitted import LAB, Permitted, is_domain

__all__ = [
    "BACKDATE",
    "CLIENT_AUTH",
    "HOSTS",
    "LEAF_LIFETIME",
    "ORGANIZATION",
    "SERVER_AUTH",
    "USAGES",
    "Profile",
    "client_profile",
    "intermediate_profile",
    "is_address",
    "root_profile",
    "server_profile",
]

ORGANIZATION = "labserver"

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
"""id-kp-serverAuth (RFC 5280 4.2.1.12)."""
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
"""id-kp-clientAuth (RFC 5280 4.2.1.12)."""

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
"""Key usages (RFC 5280 4.2.1.3), in the order of their bits."""

BACKDATE = timedelta(days=1)
"""How long before its making a certificate begins to be valid: a client's clock may be behind."""
LEAF_LIFETIME = timedelta(days=90)

HOSTS = (
    "localhost",
    "lab.localhost",
    "*.lab.localhost",  # not *.localhost: OpenSSL and GnuTLS match no wildcard directly below a top-level name
    "lab.test",
    "*.lab.test",
    "mail.lab.test",
    "labserver",  # what a compose file calls the service
    "mail",
    "host.docker.internal",  # this host, seen from a container
    "127.0.0.1",
    "::1",
)
"""The names under which the lab can be reached without being told others."""

_COMMON_NAME_LENGTH = 64
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
"""What fits an rfc822Name: RFC 5321's dot-string form, ASCII; any other account has its common name alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One certificate's contents."""

    role: str
    """Whose it is; separates its key and serial number from the others made from one seed."""
    common_name: str
    organization: str = ORGANIZATION
    lifetime: timedelta
    """From its first to its last second, so a little more than a day of it is past when it is made."""
    names: tuple[str, ...] = ()
    """dNSName subject alternative names."""
    addresses: tuple[str, ...] = ()
    """iPAddress subject alternative names."""
    mailboxes: tuple[str, ...] = ()
    """rfc822Name subject alternative names."""
    authority: bool = False
    path_length: int | None = None
    """How many CAs may follow this one; ``None`` is no limit."""
    key_usage: tuple[str, ...] = ("digital_signature",)
    """RFC 5280 4.2.1.3, in the spelling of ``cryptography.x509.KeyUsage``."""
    purposes: tuple[str, ...] = ()
    """Extended key usages as dotted OIDs; none leaves the extension out."""
    permitted: Permitted | None = None
    """Name constraints; ``None`` leaves the extension out."""


def root_profile(label: str, *, lifetime: timedelta, permitted: Permitted = LAB) -> Profile:
    """Return the root's profile; ``label`` tells this lab's CA from every other in a trust store.

    It carries the name constraints too: OpenSSL, GnuTLS, NSS and Go heed them on an anchor, Java does not.
    """
    return Profile(
        role="root",
        common_name=_fitted("labserver root CA", label),
        lifetime=lifetime,
        authority=True,
        key_usage=("key_cert_sign", "crl_sign"),
        permitted=permitted,
    )


def intermediate_profile(label: str, *, lifetime: timedelta, permitted: Permitted = LAB) -> Profile:
    """Return the issuing CA's profile: the constraints here are the ones that every client heeds."""
    return Profile(
        role="intermediate",
        common_name=_fitted("labserver issuing CA", label),
        lifetime=lifetime,
        authority=True,
        path_length=0,
        key_usage=("digital_signature", "key_cert_sign", "crl_sign"),  # it signs OCSP responses, too (RFC 5280 4.2.1.3)
        purposes=(SERVER_AUTH, CLIENT_AUTH),
        permitted=permitted,
    )


def server_profile(host: str, names: tuple[str, ...] = HOSTS) -> Profile:
    """Return a server's profile for ``host`` (its common name) and the other ``names``, DNS names and IP addresses.

    The common name identifies nothing any more (RFC 9525 1.3), but fetchmail refuses a certificate without one.
    """
    everything = tuple(dict.fromkeys((host, *names)))
    addresses = tuple(name for name in everything if is_address(name))
    for name in everything:
        if name not in addresses and not is_domain(name.removeprefix("*.")):
            raise ConfigurationError(
                f"{name!r} is neither a domain name in ASCII (write an internationalised one as xn--…), nor a wildcard"
                " such as *.lab.test, nor an IP address"
            )
    return Profile(
        role="server",
        common_name=_common_name(host),
        lifetime=LEAF_LIFETIME,
        names=tuple(name for name in everything if name not in addresses),
        addresses=addresses,
        purposes=(SERVER_AUTH,),
    )


def client_profile(account: str) -> Profile:
    """Return a client's profile, to authenticate as ``account`` with SASL EXTERNAL (RFC 4422 A)."""
    return Profile(
        role=f"client {account}",
        common_name=_common_name(account),
        lifetime=LEAF_LIFETIME,
        mailboxes=(account,) if _MAILBOX.fullmatch(account) else (),
        purposes=(CLIENT_AUTH,),
    )


def _common_name(text: str) -> str:
    if not 0 < len(text) <= _COMMON_NAME_LENGTH:
        raise ConfigurationError(
            f"{text!r} cannot be a certificate's common name, which has 1 to {_COMMON_NAME_LENGTH} characters"
            " (RFC 5280 A.1): use a shorter one"
        )
    return text


def _fitted(title: str, label: str) -> str:
    return f"{title} {label}"[:_COMMON_NAME_LENGTH].rstrip()


def is_address(name: str) -> bool:
    """Tell whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
