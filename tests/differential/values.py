"""IMAP's data syntax (RFC 9051 9), read leniently into Python values: what both servers must agree on."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Text", "Value", "read_values", "render"]


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A string, quoted or literal."""

    octets: bytes


Value = bytes | Text | list["Value"]
"""An atom, a string or a parenthesised list."""

_TOKEN = re.compile(
    rb"""
    (?P<space>[ ]+)
  | (?P<open>\()
  | (?P<close>\))
  | "(?P<quoted>(?:[^"\\\r\n]|\\.)*)"
  | ~?\{(?P<literal>\d+)\+?\}\r\n
  | (?P<atom>(?:[^\s()\["{]|\[[^\]]*\](?:<\d+>)?|\{(?!\d+\+?\}\r\n))+)
""",
    re.VERBOSE,
)


def read_values(octets: bytes) -> list[Value]:
    """Return the values of a response; an atom may hold a bracketed section (``BODY[1]<0>``)."""
    stack: list[list[Value]] = [[]]
    position = 0
    while position < len(octets):
        match = _TOKEN.match(octets, position)
        assert match, f"not IMAP data from {octets[position:][:40]!r} in {octets[:200]!r}"
        position = match.end()
        match match.lastgroup:
            case "open":
                stack.append([])
            case "close":
                closed = stack.pop()
                assert stack, f"a parenthesis too many in {octets[:200]!r}"
                stack[-1].append(closed)
            case "quoted":
                stack[-1].append(Text(re.sub(rb"\\(.)", rb"\1", match["quoted"])))
            case "literal":
                size = int(match["literal"])
                stack[-1].append(Text(octets[position : position + size]))
                position += size
            case "atom":
                stack[-1].append(match["atom"])
    assert len(stack) == 1, f"a parenthesis is missing in {octets[:200]!r}"
    return stack[0]


def render(value: Value) -> str:
    """Return the one spelling of a value by which answers are compared and shown."""
    if isinstance(value, list):
        return f"({' '.join(map(render, value))})"
    if isinstance(value, Text):
        return '"' + repr(value.octets)[2:-1].replace('"', r"\"") + '"'
    return value.decode("latin-1")
