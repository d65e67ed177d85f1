"""Running one script on both servers and telling their answers apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.differential.normalise import Normaliser, learn
from tests.differential.samples import samples

if TYPE_CHECKING:
    from tests.differential.playbook import Script
    from tests.differential.wire import Connection, Server

__all__ = ["Difference", "differences"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One step that was answered differently: the lines that only one of the two has."""

    command: str
    lab: tuple[str, ...]
    dovecot: tuple[str, ...]

    def __str__(self) -> str:
        """Show it as a comparison."""
        rows = [f"  {self.command}", *(f"    lab     {line}" for line in self.lab)]
        return "\n".join(rows + [f"    dovecot {line}" for line in self.dovecot])


def differences(script: Script, lab: Server, dovecot: Server, user: str) -> list[Difference]:
    """Run a script on both and return every step whose normalised answers are not equal."""
    ours, theirs = _answers(script, lab, user), _answers(script, dovecot, user)
    found = []
    for step, mine, other in zip(script.steps, ours, theirs, strict=True):
        if not _agree(mine, other):
            only_mine = tuple(line for line in mine if line not in other)
            only_other = tuple(line for line in other if line not in mine)
            if not (only_mine or only_other):  # the same lines in another order or number
                only_mine, only_other = tuple(mine), tuple(other)
            found.append(Difference(command=str(step), lab=only_mine, dovecot=only_other))
    return found


def _answers(script: Script, server: Server, user: str) -> list[list[str]]:
    sessions: dict[str, Connection] = {}
    variables: dict[str, dict[str, bytes]] = {}
    raw: list[list[bytes]] = []
    try:
        for step in script.steps:
            if step.session not in sessions:
                sessions[step.session] = server.connect()
                if step.logged_in:
                    _log_in(sessions[step.session], user)
            session, known = sessions[step.session], variables.setdefault(step.session, {})
            parts = step.parts(samples(), known)
            answer = session.line(parts[0]) if step.bare and isinstance(parts[0], bytes) else session.command(parts)
            learn(known, answer)
            raw.append(answer)
    finally:
        for session in sessions.values():
            session.close()
    normaliser = Normaliser(raw, datetime.now(UTC), modseqs=script.modseqs)
    return [normaliser.answer(step, answer) for step, answer in zip(script.steps, raw, strict=True)]


def _agree(lab: list[str], dovecot: list[str]) -> bool:
    """Whether two answers are equal; in a NO the lab may give a response code where Dovecot gives none."""
    if lab and dovecot and lab[:-1] == dovecot[:-1] and dovecot[-1].endswith(" NO"):
        return lab[-1].partition(" [")[0] == dovecot[-1]
    return lab == dovecot


def _log_in(session: Connection, user: str) -> None:
    answer = session.command([f"LOGIN {user} secret".encode()])
    assert b" OK " in answer[-1], answer
