"""Reads scenarios: TOML files, a table for each, in the same form for the catalogue's own and for those of users.

A mistake is told with its file, line, table and key, and with what could be there. Imported when a file is read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from labserver import scenario
from labserver.catalogue.certificates import REJECTS, certificate_of
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.notation import read_misbehaviours
from labserver.pki.recipe_values import parse_host
from labserver.pki.specification import Verdict
from labserver.sasl.table import MECHANISMS
from labserver.scenario import ALL, NOT_STATED, USUAL_CERTIFICATE, USUAL_HOST, Expectation, Scenario, Severity
from labserver.services import SERVICES
from labserver.tables import TableError, converted, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from labserver.misbehaviours.base import Misbehaviour
    from labserver.tables import Document

__all__ = ["Entry", "Server", "scenarios_of"]

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_ID = 63
"""Characters of a label in a host name (RFC 1035 2.3.4)."""
_EXPECTS = {
    Expectation.ACCEPT: "It works with the server.",
    Expectation.REJECT: "It stops there, and loses no secret.",
    Expectation.EITHER: "It works with the server or stops there, and loses no secret: both are right.",
}


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[ID.server]``: settings of the honest server for this scenario; they are no misbehaviour."""

    permissive: bool = False
    """Whether credentials are offered and accepted in clear, to see whether a client sends them."""
    mechanisms: tuple[str, ...] = ()
    """The SASL mechanisms that are offered, and no passwords besides; by default what is offered anyway."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[ID]``: one scenario."""

    title: str
    """What it is called."""
    does: str
    """What the server does, in one sentence."""
    group: str = ""
    """What it is listed under; the name of its file by default."""
    expects: str = ""
    """What a correct client does, in one sentence."""
    expectation: Expectation | None = None
    """The same in a word."""
    severity: Severity | None = None
    """How bad it is to get this wrong."""
    references: tuple[str, ...] = ()
    """RFC clauses, CVEs, papers."""
    rows: tuple[str, ...] = ()
    """What of docs/COVERAGE.md it covers, by the ids of its rows."""
    services: tuple[str, ...] = ALL
    """Where it makes sense."""
    host: str = ""
    """What clients connect to: a name of ``{id}`` and one of the lab's domains, ``{lab}``, or any other; by default
    what the certificate's recipe says, else ``{id}.{lab}``."""
    rules: tuple[str, ...] = ()
    """The rules that decide, besides those that always hold."""
    default: bool = True
    """Whether ``labserver check`` runs it without being asked."""
    repeats: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    """How often ``labserver check`` runs it, until the first failure: more than once for a race."""
    server: Server = Server()
    certificate: dict[str, Any] | None = None
    """``[ID.certificate]``: the chain that is presented, by the name of its recipe or as what differs from a good one.
    """
    misbehaviours: tuple[dict[str, Any], ...] = ()
    """``[[ID.misbehaviours]]``: what it does wrong; the last is nearest to the client."""


def scenarios_of(document: Document, *, rules: Collection[str] | None = None) -> dict[str, Scenario]:
    """Return the scenarios of a file by their ids; ``rules`` are the ids of the rules that there are, None for any.

    Raises ConfigurationError for the first mistake.
    """
    group = Path(document.name).stem
    found = {}
    for identifier, table in document.tables.items():
        try:
            _check_id(identifier, table)
            found[identifier] = _scenario(identifier, converted(table, Entry), group, rules)
        except TableError as error:
            raise document.mistake(error.below(identifier)) from error
    return found


def _check_id(identifier: str, table: object) -> None:
    if not isinstance(table, dict):
        raise TableError((), f"a scenario is a table: [{identifier}]")
    if not _ID.fullmatch(identifier) or len(identifier) > _LONGEST_ID:
        raise TableError(
            (), f"an id is small letters, digits and single hyphens, {_LONGEST_ID} at most: it is part of a host name"
        )


def _scenario(identifier: str, entry: Entry, group: str, rules: Collection[str] | None) -> Scenario:
    for key, words, known in (
        ("services", entry.services, SERVICES),
        ("rules", entry.rules, entry.rules if rules is None else rules),
    ):
        _check_known((key,), words, known)
    _check_known(("server", "mechanisms"), entry.server.mechanisms, MECHANISMS)
    if not entry.services:
        raise TableError(("services",), f"it is empty; choose from {', '.join(SERVICES)}")
    expectation = Expectation.EITHER if entry.expectation is None else entry.expectation
    severity = Severity.MEDIUM if expectation is Expectation.REJECT else Severity.NONE
    expects = NOT_STATED if entry.expectation is None else _EXPECTS[expectation]
    certificate, recipe = certificate_of(identifier, entry.group or group, entry)
    rules = (*entry.rules, REJECTS) if recipe and recipe.verdict is Verdict.REJECT else entry.rules
    return Scenario(
        id=identifier,
        title=entry.title,
        group=entry.group or group,
        does=entry.does,
        expects=entry.expects or expects,
        expectation=expectation,
        severity=severity if entry.severity is None else entry.severity,
        references=entry.references,
        rows=entry.rows,
        services=entry.services,
        host=_host(entry.host) if entry.host else recipe.host if recipe else USUAL_HOST,
        certificate=certificate,
        recipe=recipe,
        chain=Chain(_misbehaviours(entry)),
        server=scenario.Server(permissive=entry.server.permissive, mechanisms=entry.server.mechanisms),
        rules=tuple(dict.fromkeys(rules)),
        default=entry.default,
        own_anchor=recipe.own_anchor if recipe else certificate != USUAL_CERTIFICATE,
        asked=recipe.met_by if recipe else "",
        stated=entry.expectation is not None,
        repeats=entry.repeats,
    )


def _check_known(path: tuple[str, ...], words: Iterable[str], known: Collection[str]) -> None:
    for place, word in enumerate(words):
        if word not in known:
            raise TableError((*path, place), unknown(word, known))


def _misbehaviours(entry: Entry) -> tuple[Misbehaviour, ...]:
    if not entry.misbehaviours:
        return ()
    try:
        return read_misbehaviours(entry.misbehaviours, entry.services)
    except TableError as error:
        raise error.below("misbehaviours") from error


def _host(host: str) -> str:
    try:
        return parse_host(host)
    except ValueError as error:
        raise TableError(("host",), f"must be {error}") from error
