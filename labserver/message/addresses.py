"""Address lists, as IMAP's ENVELOPE tells them (RFC 3501 7.4.2, RFC 5322 3.4 and 4.4).

Well-formed mailboxes go through one regular expression. Everything else (groups, routes, comments, quoted local parts,
plain rubbish) is split into tokens once and read leniently; no field is ever refused, and work is linear in its length.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["GROUP_END", "MOST_ADDRESSES", "Address", "addresses"]

MOST_ADDRESSES = 5_000
"""Addresses of one message that are told; there is no sense in more, and each takes its time."""


class Address(NamedTuple):
    """One element of an ENVELOPE address list. A group starts with host None and ends with all None."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Address(None, None, None, None)
_MOST_TOKENS = 50_000
"""Words and signs of a field that is not well-formed that are looked at."""
_NO_MAILBOX, _NO_HOST = b"MISSING_MAILBOX", b"MISSING_DOMAIN"
"""What is told in place of a missing half: NIL would mean a group (RFC 3501 7.4.2). The words are Dovecot's."""

_ATOM = rb"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.\x80-\xff]"
_WELL_FORMED = re.compile(
    rb"""
    (?: (?: "([^"\\]*+)" | ((?:%(atom)s++(?:[ ](?=[^ <]))?+)*+) ) [ \t]*+ < (%(atom)s++) @ (%(atom)s++) >
      | (%(atom)s++) @ (%(atom)s++) )
    [ \t]*+ (?: , [ \t]*+ | \Z )
    """
    % {b"atom": _ATOM},
    re.VERBOSE,
)
_TOKEN = re.compile(
    rb"""
      (?P<space> [ \t\r\n]++ )
    | (?P<quoted> " (?: [^"\\]++ | \\. )*+ "? )
    | (?P<open> \( )
    | (?P<literal> \[ [^\]]*+ \]? )
    | (?P<special> [<>@,;:] )
    | (?P<atom> [^ \t\r\n"(\[<>@,;:]++ )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(rb"[^()\\]++|\\.|[()\\]", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def addresses(value: bytes, *, most: int = MOST_ADDRESSES) -> list[Address]:
    """Return the addresses in an unfolded field value, groups included; those beyond ``most`` are left out."""
    found: list[Address] = []
    position, end = 0, len(value)
    while position < end and len(found) < most:
        match = _WELL_FORMED.match(value, position)
        if match is None:
            return _Reader(value, most).read()
        quoted, phrase, mailbox, host, plain_mailbox, plain_host = match.groups()
        if plain_mailbox is not None:
            found.append(Address(None, None, plain_mailbox, plain_host))
        else:
            found.append(
                Address((phrase if quoted is None else b" ".join(quoted.split())) or None, None, mailbox, host)
            )
        position = match.end()
    return found


class _Token(NamedTuple):
    kind: str
    text: bytes
    """What it means: without quotes and backslashes."""


_END = _Token("special", b"")


class _Reader:
    """One pass over the tokens of a field that is not well-formed."""

    def __init__(self, value: bytes, most: int) -> None:
        self._tokens = _tokens(value)
        self._most = most
        self._at = 0
        self._found: list[Address] = []
        self._comment: bytes | None = None
        self._in_group = False

    def read(self) -> list[Address]:
        while self._peek() is not _END and len(self._found) < self._most:
            words = self._words()
            match self._peek().text:
                case b"<":
                    self._angle(words)
                case b"@":
                    self._plain(words)
                case b":" if not self._in_group:
                    self._add(None, b" ".join(words), None)
                    self._in_group = True
                    self._at += 1
                    continue
                case special:
                    self._leftover(words, empty=special == b"," and not self._in_group)
            self._to_the_next()
        if self._in_group:
            self._found.append(GROUP_END)
        return self._found

    def _add(self, name: bytes | None, mailbox: bytes, host: bytes | None, route: bytes | None = None) -> None:
        self._found.append(Address(name or None, route, mailbox, host))

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _took(self, special: bytes) -> bool:
        """Take the next token if it is this special."""
        token = self._peek()
        took = token.kind == "special" and token.text == special
        self._at += took
        return took

    def _to_the_next(self) -> None:
        """Skip what does not belong there, up to behind the next comma (or, outside groups, semicolon)."""
        while self._peek() is not _END and not self._took(b","):
            if self._took(b";"):
                if not self._in_group:
                    break
                self._in_group = False
                self._found.append(GROUP_END)
            else:
                self._at += 1
        self._comment = None

    def _words(self) -> list[bytes]:
        """Take words up to a special; comments among them are remembered."""
        words: list[bytes] = []
        while (token := self._peek()).kind != "special":
            self._at += 1
            if token.kind == "comment":
                self._comment = token.text
            else:
                words.append(token.text)
        return words

    def _leftover(self, words: list[bytes], *, empty: bool) -> None:
        """Neither ``<`` nor ``@`` came: one word is a mailbox, more are a name."""
        if len(words) == 1:
            self._add(self._comment, words[0], _NO_HOST)
        elif words or empty:
            self._add(b" ".join(words), _NO_MAILBOX, _NO_HOST)

    def _angle(self, phrase: list[bytes]) -> None:
        """Take ``<``, an obsolete route perhaps (RFC 5322 4.4), an addr-spec and ``>``."""
        self._at += 1
        route = self._route()
        mailbox = b"".join(_runs(self._words())[:1])
        host = b"".join(_runs(self._words())[:1]) if self._took(b"@") else b""
        if not self._took(b">") and mailbox:
            host = b"SYNTAX_ERROR"
        self._add(b" ".join(phrase), mailbox or _NO_MAILBOX, host or _NO_HOST, route)

    def _route(self) -> bytes | None:
        start = self._at
        if not self._took(b"@"):
            return None
        while (token := self._peek()) is not _END and not (token.kind == "special" and token.text in b":<>;"):
            self._at += 1
        route = b"".join(token.text for token in self._tokens[start : self._at] if token.kind != "comment")
        self._took(b":")
        return route

    def _plain(self, words: list[bytes]) -> None:
        """Take the rest of an addr-spec; words before its local part are a name that lacks its brackets.

        Before ``<`` it was no addr-spec but a name that lacks its quotes: ``a@b <a@b>``.
        """
        self._at += 1
        runs = _runs(words)
        host = b"".join(_runs(self._words())[:1])
        if self._peek().text == b"<":
            self._angle([b" ".join(words) + b"@" + host])
            return
        name = b" ".join(runs[:-1]) or self._comment
        self._add(name, b"".join(runs[-1:]) or _NO_MAILBOX, host or _NO_HOST)


def _tokens(value: bytes) -> list[_Token]:
    """Split ``value``; white space only separates and is left out."""
    tokens: list[_Token] = []
    position, end = 0, len(value)
    while position < end and len(tokens) < _MOST_TOKENS:
        match = _TOKEN.match(value, position)
        if match is None:
            break
        kind, text, position = str(match.lastgroup), match[0], match.end()
        if kind == "open":
            text, position = _comment(value, position)
            tokens.append(_Token("comment", text))
        elif kind == "quoted":
            text = text[1:-1] if len(text) > 1 and text.endswith(b'"') else text[1:]
            tokens.append(_Token("quoted", _QUOTED_PAIR.sub(rb"\1", text)))
        elif kind != "space":
            tokens.append(_Token(kind, text))
    return tokens


def _comment(value: bytes, position: int) -> tuple[bytes, int]:
    """Return the comment whose parenthesis opened before ``position``, and where it ends."""
    depth = 1
    pieces: list[bytes] = []
    for match in _COMMENT.finditer(value, position):
        piece = match[0]
        depth += (piece == b"(") - (piece == b")")
        if not depth:
            return b"".join(pieces), match.end()
        pieces.append(_QUOTED_PAIR.sub(rb"\1", piece))
    return b"".join(pieces), len(value)


def _runs(words: list[bytes]) -> list[bytes]:
    """Join words around their dots: ``a . b c`` are ``a.b`` and ``c`` (obs-local-part, obs-domain, RFC 5322 4.4)."""
    runs: list[list[bytes]] = []
    dotted = False
    for word in words:
        if runs and (dotted or word.startswith(b".")):
            runs[-1].append(word)
        else:
            runs.append([word])
        dotted = word.endswith(b".") if word else dotted
    return [b"".join(run) for run in runs]
