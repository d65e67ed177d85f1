r"""MAIL and RCPT as Postfix takes them, for clients that do not keep to RFC 5321's grammar.

Read only after :func:`labserver.smtp.grammar.parse` has refused. What is taken is what Postfix 3.7 takes by default, as
far as it names a mailbox that mail can be delivered to. Each departure from the grammar is named, so that the client's
author hears of it. Where Postfix and this differ is data in ``tests/smtp/test_lenient.py``, each with its reason.

Every expression is linear, as in the grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.mailstore.addresses import is_mail_domain, local_part
from labserver.smtp.grammar import MAIL, Addressed, parameters
from labserver.smtp.replies import Refusal

if TYPE_CHECKING:
    from labserver.smtp.grammar import Form

__all__ = ["Leniently", "parse_leniently"]

_QUOTED = r'"(?:[^\0-\x1f"\\\x7f-\x9f]|\\[ -~])*"'
_PLAIN = r'[^\0- "<>\\\x7f-\x9f]|\\[ -~]'
_INSIDE = rf"(?:{_PLAIN}| |{_QUOTED})*"
_BRACKETED = re.compile(rf"<(?P<outer>{_INSIDE})(?:<(?P<inner>{_INSIDE})>)?[ >]*>(?:\([^()]*\))?")
_BARE = re.compile(rf"(?P<outer>(?:{_PLAIN}|{_QUOTED})+)>?")
_COMMENT = re.compile(rf"(?P<kept>{_QUOTED}|\\.)|\([^()]*\)")
_SPACED = re.compile(rf"(?P<kept>{_QUOTED}|\\.)| *(?P<mark>[.@]) *")
_ROUTE = re.compile(r"@[^:]*:")
_GOOD_ROUTE = re.compile(r"@[^,@:]+(?:,@[^,@:]+)*:")
_SEPARATOR = r"[].:@]"  # Postfix reads a colon and a closing bracket as parts of the local part
_ATOM = r'(?:[^\0- "(),.:;<>@[\\\]\x7f-\x9f]|\\[ -~])+'
_LOCAL = rf"(?:{_ATOM}|{_QUOTED})?(?:{_SEPARATOR}(?:{_ATOM}|{_QUOTED})?)*"
_MAILBOX = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>[^@\"\\ ]+)")
_NO_DOMAIN = re.compile(rf"(?P<local>{_LOCAL})")
_DOTTED = re.compile(r'[^\0- "(),:;<>@[\\\]\x7f-\x9f]+')
_QUOTE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_REPEATED = frozenset({"AUTH", "BODY", "SIZE", "SMTPUTF8"})
"""What Postfix takes twice; the last one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leniently:
    """What MAIL or RCPT says, and why RFC 5321 would not take it."""

    addressed: Addressed
    departures: tuple[str, ...]
    """What is not as it should be: ``an underscore in the domain`` …"""


def parse_leniently(form: Form, argument: str) -> Leniently | Refusal:
    """Read a MAIL or RCPT command's argument as Postfix does."""
    text = argument.lstrip(" ")
    if text[: len(form.keyword)].upper() != form.keyword:
        return form.bad_address
    departures = ["two spaces after the verb"] if text != argument else []
    text = text[len(form.keyword) :].lstrip(" ")
    token = (_BRACKETED if text.startswith("<") else _BARE).match(text)
    address = None if token is None else _address(form, token, departures)
    if token is None or address is None:
        return form.bad_address
    read = parameters(form, _without_repetition(text[token.end() :], departures))
    if isinstance(read, Refusal):
        return read
    return Leniently(addressed=Addressed(address=address, parameters=read), departures=tuple(departures))


def _address(form: Form, token: re.Match[str], departures: list[str]) -> str | None:
    """Return the canonical mailbox, None for what is none."""
    text = token["outer"]
    if token.re is _BARE:
        departures.append("no angle brackets")
    elif token[0] != f"<{text}>" or text != text.strip(" "):
        departures.append("more than the address in angle brackets")
        text = token["inner"] or text
    bare = _COMMENT.sub(lambda match: match["kept"] or "", text).strip(" ")
    if bare != text.strip(" "):
        departures.append("a comment")
    close = _SPACED.sub(lambda match: match["kept"] or match["mark"], bare)
    if close != bare:
        departures.append("a space in the address")
    if close != close.strip(","):
        departures.append("a comma beside the address")
    return _path(form, close.strip(","), departures)


def _path(form: Form, text: str, departures: list[str]) -> str | None:
    if not text:
        return "" if form is MAIL else None
    route = _ROUTE.match(text)
    if route is not None and not _GOOD_ROUTE.fullmatch(route[0]):
        departures.append("a route that is none")
    return _mailbox(text if route is None else text[route.end() :], departures)


def _mailbox(text: str, departures: list[str]) -> str | None:
    found = _MAILBOX.fullmatch(text)
    if found is None:
        found = _NO_DOMAIN.fullmatch(text)
        if found is None or found["local"] in {"", '""'} or "@" in _QUOTE.sub("", found["local"]):
            return None
        departures.append("no domain")
        return _local(found["local"], departures)
    domain = found["domain"].removesuffix(".")
    if not found["local"] or domain.endswith(".") or not is_mail_domain(domain):
        return None
    if domain != found["domain"]:
        departures.append("a dot at the end of the domain")
    if "_" in domain:
        departures.append("an underscore in the domain")
    return f"{_local(found['local'], departures)}@{domain}"


def _local(text: str, departures: list[str]) -> str:
    """Return the local part's canonical spelling: as it came, or in quotes where nothing else can be read back."""
    plain = re.sub(r"\\(.)", r"\1", _QUOTE.sub(r"\1", text))
    if local_part(plain) == text:
        return text
    if _DOTTED.fullmatch(text):
        departures.append("dots without a word between them in the local part")
        return text
    departures.append("a local part that is not quoted as a whole")
    return local_part(plain)


def _without_repetition(text: str, departures: list[str]) -> str:
    """Return the parameters without those that come again later."""
    words = text.split(" ")
    names = [word.partition("=")[0].upper() for word in words]
    last = {name: index for index, name in enumerate(names)}
    kept = [word for index, word in enumerate(words) if names[index] not in _REPEATED or last[names[index]] == index]
    if kept != words:
        departures.append("a parameter twice")
    return " ".join(kept)
