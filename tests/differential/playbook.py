r"""Playbooks: scripts of IMAP commands as text, sent alike to both servers.

    = Title of a script, which is its test's name
    # a comment
    A SELECT INBOX                     session A, connected and logged in when first used
    B APPEND INBOX {{Subject: x\r\n\r\nbody\r\n}}
    A NOOP                             what B did is told to A
    A | DONE                           a line without a tag of its own
    N LOGIN nobody wrong               sessions from N on are connected only

``{{text}}`` is a synchronising literal, ``{{+text}}`` a non-synchronising one (RFC 7888), ``~{{text}}`` and
``~{{+text}}`` a literal8 (RFC 3516); ``{{@name}}`` sends the sample message of that name. The escapes are ``\r``,
``\n``, ``\t`` and ``\xNN``; other backslashes are IMAP's. ``$H`` stands for the last HIGHESTMODSEQ that this session
was told, ``$V`` for the last UIDVALIDITY, ``$M1`` for the last MODSEQ of message 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Literal", "Script", "Step", "read_playbook"]

_LITERAL = re.compile(r"(~?)\{\{(\+?)(@?)(.*?)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A literal of a command."""

    octets: bytes
    synchronising: bool = True
    eight: bool = False
    """Whether it may hold NUL (literal8)."""

    @property
    def announcement(self) -> bytes:
        """What comes before its octets."""
        return b"%s{%d%s}\r\n" % (b"~" * self.eight, len(self.octets), b"+" * (not self.synchronising))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a script."""

    session: str
    text: str
    """The command as the playbook has it."""
    bare: bool = False
    """Sent without a tag."""

    def __str__(self) -> str:
        """Show it as the playbook has it."""
        return f"{self.session} {'| ' * self.bare}{self.text}"

    @property
    def logged_in(self) -> bool:
        """Whether its session begins logged in."""
        return self.session < "N"

    def parts(self, samples: Mapping[str, bytes], variables: Mapping[str, bytes]) -> list[bytes | Literal]:
        """Return what is sent, literals apart."""
        found: list[bytes | Literal] = []
        end = 0
        for match in _LITERAL.finditer(self.text):
            found.append(_octets(self.text[end : match.start()], variables))
            eight, plus, at, content = match.groups()
            octets = samples[content] if at else _octets(content, variables)
            found.append(Literal(octets=octets, synchronising=not plus, eight=bool(eight)))
            end = match.end()
        found.append(_octets(self.text[end:], variables))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A sequence of steps on an account of its own."""

    title: str
    steps: tuple[Step, ...]

    def about(self, sample: str) -> Script:
        """Return the same script about one sample message, for which the playbook says SAMPLE."""
        steps = tuple(replace(step, text=step.text.replace("SAMPLE", sample)) for step in self.steps)
        return Script(title=f"{self.title} {sample}", steps=steps)

    @property
    def modseqs(self) -> bool:
        """Whether it is about CONDSTORE (RFC 7162)."""
        return any(re.search("CONDSTORE|MODSEQ", step.text) for step in self.steps)


def read_playbook(path: Path) -> Iterator[Script]:
    """Yield the scripts of one file."""
    for part in re.split(r"(?m)^= ", path.read_text(encoding="utf-8"))[1:]:
        title, *lines = part.splitlines()
        steps = tuple(_step(line) for line in lines if line.strip() and not line.startswith("#"))
        yield Script(title=title.strip(), steps=steps)


def _step(line: str) -> Step:
    match = re.fullmatch(r"([A-Z])(?: (\| )?(.*))?", line)
    assert match, f"not a line of a playbook: {line!r}"
    return Step(session=match[1], text=match[3] or "", bare=bool(match[2]))


def _octets(text: str, variables: Mapping[str, bytes]) -> bytes:
    octets = re.sub(rb"\\(r|n|t|x[0-9a-f]{2})", lambda match: _escaped(match[1]), text.encode())
    return re.sub(rb"\$(H|V|M\d+)", lambda match: variables[match[1].decode()], octets)


def _escaped(name: bytes) -> bytes:
    return {b"r": b"\r", b"n": b"\n", b"t": b"\t"}.get(name) or bytes.fromhex(name[1:].decode())
