r"""MAIL and RCPT: paths and parameters, read strictly, answered with the reply that says what is wrong.

A client's fault is data here: :func:`parse` returns an :class:`Addressed` or a
:class:`~labserver.smtp.replies.Refusal`. What is accepted is RFC 5321 4.1.2 with RFC 6531's characters, and not one
character more; the one leniency is a space after the colon, which too many clients send. What most servers take besides
is read by :mod:`labserver.smtp.lenient`. Source routes are dropped (RFC 5321 appendix C), and a quoted local part that
needs no quotes loses them, because both spellings are the same mailbox (RFC 5321 4.1.2).

Every expression is linear: no text, however hostile, makes it backtrack beyond one label or one character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.mailstore.addresses import is_address_literal, local_part
from labserver.smtp.replies import Refusal
from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAIL", "RCPT", "Addressed", "Form", "parameters", "parse"]

# What may go beyond ASCII (RFC 6531 3.3) is written as what it is not: a class that ends at U+10FFFF takes milliseconds
# to compile, and ignoring case over it twenty times as long.
_ATOM = r'[^\0- "(),.:;<>@[\\\]\x7f-\x9f]+'
_DOT_STRING = rf"{_ATOM}(?:\.{_ATOM})*"
_QUOTED_STRING = r'"(?:[^\0-\x1f"\\\x7f-\x9f]|\\[ -~])*"'
_LETTER_OR_DIGIT = r"[^\0-/:-@[-`{-\x9f]"
_OR_HYPHEN = r"[^\0-,./:-@[-`{-\x9f]"
_LABEL = rf"{_LETTER_OR_DIGIT}(?:{_OR_HYPHEN}{{0,61}}{_LETTER_OR_DIGIT})?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[!-Z^-~]+\]"
_MAILBOX = (
    rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?(?P<local>{_DOT_STRING}|{_QUOTED_STRING})@(?P<domain>{_DOMAIN}|{_LITERAL})"
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\0- =\x7f-\x9f]+))?")
_LONGEST_DOMAIN = 255

# RFC 3461 4: what xtext encodes must be printable US-ASCII, in every parameter that uses it.
_XTEXT = r"(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))+"
_NOTIFY = "(?i:SUCCESS|FAILURE|DELAY)"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """What MAIL and RCPT say."""

    address: str
    """The mailbox in its canonical spelling; empty for the null reverse-path, ``postmaster`` without a domain."""
    parameters: Mapping[str, str]
    """Upper-cased keyword → value as sent, empty for a keyword without one."""

    @property
    def binary(self) -> bool:
        """MAIL says that the body is BINARYMIME, so that only BDAT can carry it (RFC 3030 3)."""
        return self.parameters.get("BODY", "").upper() == "BINARYMIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one of the two commands is written."""

    usage: str
    command: re.Pattern[str]
    """The whole argument; groups ``local`` and ``domain`` (or neither) and ``parameters``."""
    keyword: str
    bad_address: Refusal
    parameters: Mapping[str, re.Pattern[str]]
    """Keyword → what its value must be. A keyword without a value must match the empty string."""


def _form(*, usage: str, keyword: str, without_domain: str, status: str, parameters: dict[str, str]) -> Form:
    return Form(
        usage=usage,
        keyword=keyword,
        command=re.compile(
            rf"(?i:{keyword}) *<(?:{_MAILBOX}|(?P<special>(?i:{without_domain})))>(?P<parameters>.*)",
            re.ASCII,  # U+017F is no "s"
        ),
        bad_address=Refusal(501, status, f"Bad address syntax, use {usage}"),
        parameters={name: re.compile(value) for name, value in parameters.items()},
    )


MAIL = _form(
    usage="MAIL FROM:<address>",
    keyword="FROM:",
    without_domain="",
    status="5.1.7",
    parameters={
        "AUTH": rf"<>|{_XTEXT}",  # RFC 4954 5
        "BODY": "(?i:7BIT|8BITMIME|BINARYMIME)",  # RFC 6152, RFC 3030
        "ENVID": rf"(?=.{{1,100}}\Z){_XTEXT}",  # RFC 3461 4.4
        "REQUIRETLS": "",  # RFC 8689 4
        "RET": "(?i:FULL|HDRS)",  # RFC 3461 4.3
        "SIZE": "[0-9]{1,20}",  # RFC 1870
        "SMTPUTF8": "",  # RFC 6531 3.4
    },
)
"""The reverse-path may be null (RFC 5321 4.5.5)."""

RCPT = _form(
    usage="RCPT TO:<address>",
    keyword="TO:",
    without_domain="postmaster",
    status="5.1.3",
    parameters={
        "NOTIFY": f"(?i:NEVER)|{_NOTIFY}(?:,{_NOTIFY})*",  # RFC 3461 4.1
        # RFC 3461 4.2; a utf-8 address may come as it is (RFC 6533 3).
        "ORCPT": rf"(?=.{{1,500}}\Z)(?:(?i:utf-8);[^\0- +=\x7f-\x9f]+|[A-Za-z0-9-]+;{_XTEXT})",
    },
)
"""Only the postmaster needs no domain (RFC 5321 4.1.1.3)."""


def parse(form: Form, argument: str) -> Addressed | Refusal:
    """Read a MAIL or RCPT command's argument."""
    command = form.command.fullmatch(argument)
    if command is None:
        return _misread(form, argument)
    address = _address(command)
    if address is None:
        return form.bad_address
    read = parameters(form, command["parameters"])
    if isinstance(read, Refusal):
        return read
    return Addressed(address=address, parameters=read)


def _misread(form: Form, argument: str) -> Refusal:
    """Blame the command's form if that is wrong, else the address."""
    if argument[: len(form.keyword)].upper() == form.keyword:
        return form.bad_address
    return Refusal(501, "5.5.4", f"Syntax: {form.usage}")


def _address(command: re.Match[str]) -> str | None:
    """Return the canonical mailbox, None for a domain that is none."""
    local, domain = command["local"], command["domain"]
    if local is None:
        return command["special"].lower()
    if len(domain) > _LONGEST_DOMAIN or (domain.startswith("[") and not is_address_literal(domain[1:-1])):
        return None
    return f"{_unquoted(local)}@{domain}"


def _unquoted(local: str) -> str:
    """Return the shortest spelling of a local part."""
    return local_part(re.sub(r"\\(.)", r"\1", local[1:-1])) if local.startswith('"') else local


def parameters(form: Form, text: str) -> dict[str, str] | Refusal:
    """Read what follows the path: nothing, or a space and parameters."""
    if text and not text.startswith(" "):
        return Refusal(501, "5.5.4", f"A space must follow the address, use {form.usage}")
    read: dict[str, str] = {}
    for word in text.split(" "):
        if not word:
            continue
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            return Refusal(501, "5.5.4", "Bad parameter syntax")
        keyword, value = parameter[1].upper(), parameter[2] or ""
        if keyword not in form.parameters:
            # Not which: a word that nobody specified may be anything, and the reply goes into the transcript.
            return Refusal(555, "5.5.4", f"Parameter not recognised, there are {', '.join(form.parameters)}")
        if keyword in read or not form.parameters[keyword].fullmatch(value):
            return Refusal(501, "5.5.4", f"Bad or repeated value of {keyword}")
        read[keyword] = value
    return read
