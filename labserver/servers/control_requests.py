"""Requests on the control socket: one line each, taken apart without I/O; whatever else comes is a RequestError."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST", "Anchors", "Certificate", "Request", "RequestError", "TellTranscript", "parse"]

LONGEST = 1 << 16
"""Octets of a request's line."""
_LONGEST_NAME = 600
"""Characters of an account, a scenario or a host; the longest are an account's name and its domain, of 255 each."""
_SHOWN = 40
"""How much of a wrong word is repeated."""


class RequestError(Exception):
    """A request that makes no sense; the message says why, for whoever sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellTranscript:
    """What is kept of every session; then, to follow, what happens."""

    follow: bool = False
    secrets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A chain with its key: the lab's own, a new one for an account, or a scenario's."""

    account: str | None = None
    scenario: str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """The files with what a client of a scenario is told to trust."""

    scenario: str


Request = TellTranscript | Certificate | Anchors


def parse(line: bytes) -> Request:
    """Return the request in a line, its end included; raises RequestError."""
    if not line.endswith(b"\n"):
        raise RequestError("the request is cut short: it does not end in a line feed")
    try:
        verb, _, rest = line.decode("utf-8").strip().partition(" ")
    except UnicodeDecodeError as error:
        raise RequestError("the request is not UTF-8") from error
    return _known(_VERBS, verb, "request")(rest.strip())


def _known(table: dict[str, Callable[[str], Request]], word: str, kind: str) -> Callable[[str], Request]:
    if word not in table:
        raise RequestError(f"unknown {kind} {word[:_SHOWN]!r}: there are {', '.join(table)}")
    return table[word]


def _transcript(rest: str) -> TellTranscript:
    words = set(rest.split())
    if unknown := words - {"follow", "secrets"}:
        raise RequestError(f"unknown word {min(unknown)[:_SHOWN]!r}: there are follow, secrets")
    return TellTranscript(follow="follow" in words, secrets="secrets" in words)


def _certificate(rest: str) -> Certificate:
    side, _, said = rest.partition(" ")
    found = _known(_SIDES, side, "certificate")(said)
    assert isinstance(found, Certificate)  # noqa: S101 -- the table's
    return found


def _server(said: str) -> Certificate:
    if said:
        raise RequestError("certificate server takes nothing else")
    return Certificate()


def _client(said: str) -> Certificate:
    return Certificate(account=_text(_decoded(said), "the account"))


def _scenario(said: str) -> Certificate:
    wanted = _decoded(said)
    identifier, *hosts = wanted if isinstance(wanted, list) and wanted else [wanted]
    return Certificate(
        scenario=_text(identifier, "the scenario"), hosts=tuple(_text(host, "a host name") for host in hosts)
    )


def _anchors(rest: str) -> Anchors:
    return Anchors(scenario=_text(_decoded(rest), "the scenario"))


def _decoded(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:  # the second: lists in lists, as deep as the line is long
        raise RequestError("what follows is not JSON") from error
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise RequestError(f"{what} is not a string")
    if len(value) > _LONGEST_NAME:
        raise RequestError(f"{what} is longer than any name: {len(value)} characters")
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in value):
        raise RequestError(f"{what} has characters that no name has")
    return value


_VERBS: dict[str, Callable[[str], Request]] = {
    "transcript": _transcript,
    "certificate": _certificate,
    "anchors": _anchors,
}
_SIDES: dict[str, Callable[[str], Request]] = {"server": _server, "client": _client, "scenario": _scenario}
