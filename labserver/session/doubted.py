"""Credentials as one session's misbehaviours see them: right ones may be refused, wrong ones accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.sasl.mechanism import Credentials

__all__ = ["Doubted"]


class Doubted:
    """Satisfies :class:`labserver.sasl.mechanism.Credentials`.

    ``believes`` is given an account and whether what it showed is right, and says whether that counts. Where wrong
    credentials count, the account has to exist; a mechanism that has to know the password (CRAM-MD5, SCRAM) and an
    unknown token or certificate prove nothing anyway.
    """

    __slots__ = ("_believes", "_honest")

    def __init__(self, honest: Credentials, believes: Callable[[str, bool], bool]) -> None:
        self._honest = honest
        self._believes = believes

    @property
    def salt_key(self) -> bytes:
        """What salts are derived from."""
        return self._honest.salt_key

    def resolve(self, name: str) -> str | None:
        """Return the account's own name, or None if there is no such account."""
        return self._honest.resolve(name)

    def verify(self, name: str, password: str) -> str | None:
        """Return the account if this counts as its password."""
        account = self._honest.verify(name, password)
        known = account or self._honest.resolve(name)
        return known if self._believes(known or name, account is not None) else None

    def password(self, name: str) -> tuple[str, str] | None:
        """Return the account and its password, None for one that is not to be believed."""
        found = self._honest.password(name)
        return found if found is not None and self._believes(found[0], True) else None  # noqa: FBT003 -- what is so

    def token(self, token: str) -> str | None:
        """Return the account whose token counts as right."""
        return self._checked(self._honest.token(token))

    def certificate(self, der: bytes) -> str | None:
        """Return the account whose certificate counts as right."""
        return self._checked(self._honest.certificate(der))

    def _checked(self, account: str | None) -> str | None:
        return account if account is not None and self._believes(account, True) else None  # noqa: FBT003 -- what is so
