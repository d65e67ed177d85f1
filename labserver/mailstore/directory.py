"""Who exists: users, what proves them, and to whose account a mail address leads.

A login name or address leads to a user when its local part does and its domain is the user's own, any of the lab's, or
missing; where several users share a local part, the exact domain wins, then the first of them. Names compare without
case. Passwords and tokens of a lab are test data; they are compared in constant time all the same.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.mailstore.addresses import (
    Address,
    canonical_domain,
    is_loopback_literal,
    is_mail_domain,
    local_part,
    parse_address,
)
from labserver.mailstore.certificate_names import certificate_names
from labserver.saslprep import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.clock import Entropy

__all__ = ["CATCH_ALL", "DEFAULT_DOMAINS", "DEFAULT_USERS", "Directory", "User", "parse_user"]

DEFAULT_DOMAINS = ("lab.test", "lab.localhost", "localhost")
"""The lab's own mail domains; the first is a user's when none is given."""
CATCH_ALL = "catchall"
"""The account that mail to nobody in particular goes to."""
_DEFAULT_PASSWORD = "secret"  # noqa: S105 -- public: printed at every start
_NAME_LENGTH = 255
_FIT = """all characters are allowed but blanks, control characters and @ : " < > \\"""
_UNFIT = re.compile(r'[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff@:"<>\\]')
"""What a user's name cannot have: controls, spaces, and what ends or quotes it in ``--user`` and in addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who can log in."""

    name: str
    """The local part, spelled as it is shown."""
    password: str = dataclasses.field(repr=False)
    domain: str = ""
    """The user's own mail domain; empty for the lab's first."""
    token: str = dataclasses.field(default="", repr=False)
    """The bearer token for XOAUTH2 and OAUTHBEARER; empty to have one made."""
    certificate_names: tuple[str, ...] = ()
    """Names in a client certificate that mean this user, besides the user's name and addresses."""

    @property
    def address(self) -> str:
        """The mail address, as SMTP takes it."""
        local = local_part(self.name)
        return f"{local}@{self.domain}" if self.domain else local


DEFAULT_USERS = (User(name="alice", password=_DEFAULT_PASSWORD), User(name="bob", password=_DEFAULT_PASSWORD))
"""Who exists when nobody else is named."""


def parse_user(text: str, *, option: str = "--user") -> User:
    """Return the user that ``name[@domain]:password`` describes; the password may have colons.

    Raise ConfigurationError, naming ``option`` and nothing that could be a password in the wrong place.
    """
    address, colon, password = text.partition(":")
    if not colon:
        raise ConfigurationError(f"{option}: there is no colon; write NAME:PASSWORD or NAME@DOMAIN:PASSWORD")
    name, at, domain = address.partition("@")
    if not name:
        raise ConfigurationError(f"{option}: the name is missing; write NAME:PASSWORD or NAME@DOMAIN:PASSWORD")
    if unfit := _UNFIT.search(name):
        raise ConfigurationError(f"{option}: a user's name cannot have {unfit[0]!r}; {_FIT}")
    if len(name) > _NAME_LENGTH:
        raise ConfigurationError(f"{option}: a user's name has at most {_NAME_LENGTH} characters; choose a shorter one")
    if at and (_UNFIT.search(domain) or not is_mail_domain(domain)):
        raise ConfigurationError(f"{option} {name}@…: what follows the @ cannot be a mail domain")
    if not prepared(password):
        raise ConfigurationError(f"{option} {address!r}: the password after the colon is missing")
    if "\0" in password or any("\ud800" <= character <= "\udfff" for character in password):
        raise ConfigurationError(f"{option} {address!r}: the password has NUL or is not UTF-8")
    return User(name=name, domain=domain, password=password)


class Directory:
    """All users; satisfies :class:`labserver.sasl.mechanism.Credentials`.

    ``catch_all`` names the account for other recipients, made when no user has that name; None refuses them.
    ``accept_any`` lets every name with every password in, as an account of its own, and gives every address its own.
    Raise ConfigurationError for users that cannot be told apart.
    """

    def __init__(
        self,
        users: Iterable[User] = DEFAULT_USERS,
        *,
        entropy: Entropy,
        domains: tuple[str, ...] = DEFAULT_DOMAINS,
        catch_all: str | None = CATCH_ALL,
        accept_any: bool = False,
    ) -> None:
        self.users: dict[str, User] = {}
        """By account name, with domain and token filled in; the catch-all account is the last."""
        self.accept_any = accept_any
        self.salt_key = entropy.token(32, "salt key")
        """What SCRAM derives its salts from."""
        self._domains = {canonical_domain(domain) for domain in domains}
        self._default_domain = domains[0]
        self._entropy = entropy
        self._by_address: dict[Address, str] = {}
        self._by_local: dict[str, str] = {}
        self._by_token: dict[bytes, str] = {}
        self._by_certificate_name: dict[str, str] = {}
        for user in users:
            self._add(user)
        self.catch_all = catch_all and self._ensured(catch_all)
        """The account for other recipients, or None."""
        self._secrets = {account: _digest(prepared(user.password)) for account, user in self.users.items()}
        self._decoy = entropy.token(32, "decoy")

    def admit(self, user: User) -> User:
        """Add a user; return it with its domain and token filled in.

        Raise ConfigurationError for one that cannot be told apart from those that are there.
        """
        account = self._add(user)
        self._secrets[account] = _digest(prepared(user.password))
        return self.users[account]

    def dismiss(self, account: str) -> None:
        """Remove a user by the account's name; KeyError if there is none."""
        del self.users[account], self._secrets[account]
        for index in (self._by_address, self._by_local, self._by_token, self._by_certificate_name):
            index.clear()
        for name, user in self.users.items():
            self._index(name, user)

    def resolve(self, name: str) -> str | None:
        """Return the account a login name means (``alice``, ``alice@lab.test``), or None if nobody is called that."""
        address = parse_address(name)
        account = self._find(address)
        if account is None and self.accept_any:
            return self._on_demand(address)
        return account

    def verify(self, name: str, password: str) -> str | None:
        """Return the account if this is its password, else None; takes the same time for every name.

        An empty password is wrong, even where any password will do: what a client sends by mistake lets nobody in.
        """
        account = self.resolve(name)
        expected = self._secrets.get(account or "", self._decoy)
        secret = prepared(password)
        matches = hmac.compare_digest(_digest(secret), expected)
        return account if secret and (matches or self.accept_any) else None

    def password(self, name: str) -> tuple[str, str] | None:
        """Return the account and its password; None for nobody, and for an account made on demand, which has none."""
        account = self.resolve(name)
        user = self.users.get(account or "")
        return None if account is None or user is None else (account, user.password)

    def token(self, token: str) -> str | None:
        """Return the account a bearer token belongs to, or None."""
        return self._by_token.get(_digest(token))  # by digest: the lookup's time says nothing about the token

    def certificate(self, der: bytes) -> str | None:
        """Return the account that a client certificate's e-mail address or common name means, or None."""
        for name in certificate_names(der):
            account = self._by_certificate_name.get(name.casefold()) or self._find(parse_address(name))
            if account is not None:
                return account
        return None

    def recipient(self, address: str) -> str | None:
        """Return the account that gets mail for ``address``; None: no such user (only without a catch-all account).

        ``alice+anything`` is alice unless there is a user of that very name (RFC 5233); postmaster of the lab is always
        somebody (RFC 5321 4.5.1).
        """
        full = parse_address(address)
        base = full.local.partition("+")[0]
        untagged = replace(full, local=base) if base else full
        account = self._find(full) or self._find(untagged)
        if account is None and self.accept_any:
            account = self._on_demand(untagged)
        if account is None:
            account = self.catch_all
        if account is None and base == "postmaster" and self._is_local(full.domain):
            account = next(iter(self.users), None)
        return account

    def _find(self, address: Address) -> str | None:
        exact = self._by_address.get(address)
        if exact is not None or not self._is_local(address.domain):
            return exact
        return self._by_local.get(address.local)

    def _is_local(self, domain: str) -> bool:
        return not domain or domain in self._domains or is_loopback_literal(domain)

    def _on_demand(self, address: Address) -> str | None:
        """Return the name of the account that comes to be for a name nobody has."""
        name = address.local if self._is_local(address.domain) else str(address)
        fits = address.local and len(name) <= _NAME_LENGTH and name.isprintable()
        return name if fits else None

    def _add(self, user: User) -> str:
        user = replace(user, domain=user.domain or self._default_domain)
        address = parse_address(user.address)
        if address in self._by_address:
            raise ConfigurationError(f"there are two users {user.address!r}; give one of them another name")
        account = f"{user.name}@{user.domain}" if address.local in self._by_local else user.name
        if not user.token:
            secret = self._entropy.token(24, f"bearer token {account}")
            user = replace(user, token=base64.urlsafe_b64encode(secret).decode())
        if _digest(user.token) in self._by_token:
            raise ConfigurationError(f"the user {user.address!r} has the token of another user")
        self.users[account] = user
        self._domains.add(address.domain)
        self._index(account, user)
        return account

    def _index(self, account: str, user: User) -> None:
        """Make a user known by address, name, token and certificate names; the first user of a name keeps it."""
        address = parse_address(user.address)
        self._by_token[_digest(user.token)] = account
        self._by_address[address] = account
        self._by_local.setdefault(address.local, account)
        for name in user.certificate_names:
            self._by_certificate_name.setdefault(name.casefold(), account)

    def _ensured(self, name: str) -> str:
        local, _, domain = name.partition("@")
        return self._find(parse_address(name)) or self._add(User(name=local, domain=domain, password=_DEFAULT_PASSWORD))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
