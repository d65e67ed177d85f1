"""The kinds of misbehaviour for people and programs; a test keeps docs/MISBEHAVIOURS.md what this makes."""

from __future__ import annotations

import shlex
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from labserver.misbehaviours.manual import as_option, as_toml, conditions
from labserver.misbehaviours.words import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.misbehaviours.manual import Field, Kind

__all__ = ["kind_text", "kinds_json", "kinds_markdown", "kinds_text"]

_WIDTH = 100
_EVERY = 4
"""Protocols that there are."""

_HEAD = """\
# Misbehaviours

Made by `labserver misbehaviours --markdown` from `labserver/misbehaviours/`; do not edit it here.

A misbehaviour changes what the honest server says, under conditions. A scenario has a list of them: the first one is
nearest to the honest server, the last one nearest to the client. They are written in a file of scenarios:

```toml
[greylisted]
title = "Greylisting"
does = "It rejects the first two RCPT commands of a session with 450, then accepts."
services = ["smtp", "submission", "submissions"]

[[greylisted.misbehaviours]]
kind = "answer"
when = { command = "RCPT", nth = "1-2" }
send = "450 4.2.0 Greylisted, try again later"
```

`labserver up --scenario-file FILE --scenario greylisted` serves it on ports of its own. `labserver misbehaviours KIND`
prints what is known of a kind, and `--schema` a JSON Schema of such files, for editors.

`[greylisted.certificate]` would say which certificate it presents: `recipe = "expired"` names a recipe, and the keys of
recipes describe one that differs from a good one, such as `leaf.not_after = "-1d"` (certs/README.md has all of them).

Mistakes are refused before anything listens, and so is what could never act on the scenario's services.
"""

_CONDITIONS = """\
## Conditions

`when` has conditions, the same for every kind. All of them must hold; without any, a misbehaviour always acts. They are
looked at once, before a command is answered: first what is so, then `nth`, then `chance`. No kind has a field that is
called like a condition.
"""

_PLACES = """\
## What is sent

`send` is lines, and each gets CRLF; a list is several lines. `octets` is sent as it stands, in UTF-8. In both, places
in angle brackets are filled in. Other text in angle brackets, such as an address, is itself; what only looks like a
place is refused.
"""


def kinds_json(kinds: Iterable[Kind]) -> dict[str, object]:
    """Return everything that is known of the kinds, for programs."""
    return {
        "kinds": [
            {
                "kind": kind.name,
                "axis": kind.axis,
                "summary": kind.summary,
                "description": kind.more,
                "occasions": list(kind.occasions),
                "protocols": list(kind.protocols),
                "instrument": kind.instrument,
                "fields": [_field_json(field) for field in kind.fields],
                "example": {"kind": kind.name, **kind.example},
            }
            for kind in kinds
        ],
        "conditions": [_field_json(field) for field in conditions()],
        "places": PLACES,
    }


def _field_json(field: Field) -> dict[str, object]:
    return {
        "name": field.name,
        "type": field.type.replace("`", ""),
        "required": field.required,
        "default": field.default or None,
        "meaning": field.meaning,
    }


def kinds_text(every: Sequence[Kind]) -> str:
    """Return every kind in a line, by axis."""
    width = max(len(kind.name) for kind in every)
    lines = []
    for axis, members in _by_axis(every):
        lines += ["", axis]
        lines += [f"  {kind.name:<{width}}  {_unmarked(kind.summary)}" for kind in members]
    lines += ["", "labserver misbehaviours KIND tells more of one"]
    return "\n".join(lines[1:])


def kind_text(kind: Kind) -> str:
    """Return what is known of one kind."""
    blocks = [_wrapped(f"{kind.name}: {kind.summary}")]
    blocks += [_wrapped(part) for part in kind.more.split("\n\n") if part]
    facts = list(_facts(kind))
    if facts:
        blocks.append("\n".join(_unmarked(fact) for fact in facts))
    if kind.fields:
        blocks.append("Fields:\n" + _fields_text(kind.fields))
    blocks.append("Conditions, in when = { … }:\n" + _fields_text(conditions()))
    blocks.append("Example:\n" + textwrap.indent(as_toml(kind.name, kind.example), "  "))
    blocks.append(
        f"The same for every service of a lab:\n  --misbehave {shlex.quote(as_option(kind.name, kind.example))}"
    )
    return "\n\n".join(blocks)


def _fields_text(fields: Iterable[Field]) -> str:
    lines = []
    for field in fields:
        lines.append(f"  {field.name}: {_unmarked(field.type)}{_unmarked(_given(field))}")
        lines.append(_wrapped(field.meaning, "      "))
    return "\n".join(lines)


def _given(field: Field) -> str:
    if field.required:
        return " (required)"
    return f" (default: {field.default})" if field.default else ""


def _facts(kind: Kind) -> Iterator[str]:
    """Yield what restricts a kind, a line for each."""
    if kind.occasions:
        yield f"Acts on: {', '.join(kind.occasions)}, unless `on` says otherwise"
    if len(kind.protocols) < _EVERY:
        yield f"Protocols: {', '.join(kind.protocols)}"
    if kind.instrument:
        yield "An instrument: it measures, and is not the fault that a scenario is about"


def kinds_markdown(every: Sequence[Kind]) -> str:
    """Return the document."""
    general = (_CONDITIONS, *_table(conditions(), "condition"), _PLACES, *_places())
    return "\n".join((_HEAD, *_contents(every), *general, *_axes(every)))


def _contents(every: Sequence[Kind]) -> Iterator[str]:
    yield "## All of them"
    yield ""
    for axis, members in _by_axis(every):
        yield f"* {axis.partition(':')[0].rstrip('.')}: {', '.join(f'[`{one.name}`](#{one.name})' for one in members)}"
    yield ""


def _table(fields: Iterable[Field], head: str) -> Iterator[str]:
    yield f"| {head} | is | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        default = "required" if field.required else f"`{field.default}`" if field.default else ""
        yield f"| `{field.name}` | {field.type} | {default} | {field.meaning} |"
    yield ""


def _places() -> Iterator[str]:
    yield "| place | becomes |"
    yield "|---|---|"
    for place, meaning in PLACES.items():
        yield f"| `{place}` | {meaning} |"
    yield ""


def _axes(every: Sequence[Kind]) -> Iterator[str]:
    for axis, members in _by_axis(every):
        yield f"## {axis.partition(':')[0].rstrip('.')}"
        yield ""
        if ":" in axis:
            yield f"{axis.partition(':')[2].strip().capitalize()}"
            yield ""
        for kind in members:
            yield from _section(kind)


def _section(kind: Kind) -> Iterator[str]:
    yield f"### {kind.name}"
    yield ""
    yield from textwrap.wrap(kind.summary, 120)
    yield ""
    for part in kind.more.split("\n\n"):
        if part:
            yield from textwrap.wrap(part, 120)
            yield ""
    for fact in _facts(kind):
        yield f"* {fact}"
    if any(_facts(kind)):
        yield ""
    if kind.fields:
        yield from _table(kind.fields, "field")
    yield "```toml"
    yield as_toml(kind.name, kind.example)
    yield "```"
    yield ""


def _by_axis(every: Iterable[Kind]) -> Iterator[tuple[str, list[Kind]]]:
    for axis, members in groupby(every, key=lambda kind: kind.axis):
        yield axis, list(members)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(_unmarked(text), _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _unmarked(text: str) -> str:
    """Return text without the marks of code, for a terminal."""
    return text.replace("`", "")
