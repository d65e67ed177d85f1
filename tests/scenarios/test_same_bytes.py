"""Same seed, same client octets, same transcript: in memory for every case, and over sockets between two processes.

TLS itself is exempt: randoms, key shares and ECDSA signatures are OpenSSL's own, so neither encrypted octets nor their
number repeat. Everything inside it does: challenges, SCRAM's nonces, ids and UIDVALIDITY come from the injected clock
and entropy. Over sockets the clock is the host's, so there what shows the time is left alone.
"""

from __future__ import annotations

import ast
import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import labserver
from labserver import events
from labserver.lab import Lab
from labserver.mailstore.directory import User
from labserver.pki.material import Wanted
from labserver.services import SERVICES
from labserver.settings import Settings
from labserver.verdicts.policy import default_policy
from tests.integration.labs import running
from tests.ours import CATALOGUE
from tests.reference.in_memory import InMemory, MemoryClock
from tests.reference.traits import GULLIBLE, STRICT
from tests.scenarios.places import Way, place
from tests.scenarios.wire import ASKING, STARTING, Wire, lenient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reference.traits import Traits

TODAY = datetime.now(UTC)
"""One moment for all labs here: within the validity of what they make, and always the same."""
USER = User(name="canary", password="Sing5")
_SILENT = ("handshake-stall",)
"""Scenarios that never answer a ClientHello."""
CASES = [(scenario.id, service) for scenario in CATALOGUE.default.values() for service in scenario.services]


class _Clock(MemoryClock):
    def now(self) -> datetime:
        return TODAY


def _lab(folder: Path, seed: str) -> tuple[Lab, _Clock]:
    clock = _Clock()
    wanted = Wanted(seed=seed)
    return Lab(
        Settings(ports={}, users=(USER,), certificates=wanted), CATALOGUE, run_directory=folder, clock=clock
    ), clock


def _transcripts(folder: Path, seed: str, traits: Traits) -> dict[tuple[str, str], list[events.Event]]:
    """Return what happens in every case, one after the other in one lab."""
    lab, clock = _lab(folder, seed)
    runner = InMemory(lab=lab, clock=clock, traits=traits, user=lab.directory.users[USER.name], seconds=5.0)
    found = {}
    for scenario, service in CASES:
        one = SERVICES[service]
        run = asyncio.run(runner.run(CATALOGUE[scenario], one, default_policy(one)))
        found[scenario, service] = [
            repeatable
            for session in run.trace.sessions
            for event in session.events
            for repeatable in _repeatable(event)
        ]
    lab.store.close()
    return found


def _repeatable(event: events.Event) -> Iterator[events.Event]:
    """Yield the event without what TLS makes different each time."""
    if isinstance(event, events.RawReceived | events.RawSent) and event.encrypted:
        return
    yield replace(event, received=0, sent=0) if isinstance(event, events.Disconnected) else event


@pytest.mark.parametrize("traits", [STRICT, GULLIBLE], ids=lambda traits: traits.name)
def test_in_memory(tmp_path: Path, traits: Traits) -> None:
    """Two labs of one seed tell the same of every case, event by event and octet by octet."""
    first, second = (_transcripts(tmp_path, "same", traits) for _ in range(2))
    for case, happened in first.items():
        assert happened, case
        assert happened == second[case], case


def test_another_seed(tmp_path: Path) -> None:
    """The seed is what decides: another one gives another nonce, and the rest stays."""
    first, second = (_transcripts(tmp_path, seed, GULLIBLE) for seed in ("one", "other"))
    different = {case for case in CASES if first[case] != second[case]}
    assert different == {case for case in CASES if "SCRAM" in _mechanism(first[case])}
    assert ("scram-bad-server-signature", "imaps") in different


def _mechanism(happened: list[events.Event]) -> str:
    return next((event.mechanism for event in happened if isinstance(event, events.AuthenticationSucceeded)), "")


def _said(folder: Path, hash_seed: str) -> dict[tuple[str, str], list[bytes]]:
    """Return what every case says in clear, or inside implicit TLS up to the capabilities, in a new process."""
    options = [word for name in CATALOGUE.default for word in ("--scenario", name)]
    said = {}
    with running(folder, "--seed", "same", *options, environment={"PYTHONHASHSEED": hash_seed}) as lab:
        for scenario, service in CASES:
            with Wire(place(lab, scenario, service, Way.LEASE)) as wire:
                said[scenario, service] = list(_conversation(wire))
    return said


def _conversation(wire: Wire) -> Iterator[bytes]:
    protocol, scenario = wire.where.service.protocol, wire.where.scenario
    if not wire.where.service.implicit_tls:
        yield wire.greeting
        yield wire.capabilities()
        wire.send(STARTING[protocol])
        yield wire.segment()
    elif scenario not in _SILENT:
        wire.shake(lenient())
        yield wire.line()
        yield wire.ask(ASKING[protocol])


def test_over_sockets(tmp_path: Path) -> None:
    """Two processes, whose sets and dictionaries are ordered otherwise, say the same in every case."""
    assert os.environ.get("PYTHONHASHSEED", "random") == "random", "the order must be free to differ"
    first, second = (_said(tmp_path / seed, seed) for seed in ("1", "2"))
    assert first == second


def test_injected() -> None:
    """Below the command line nobody but labserver/clock.py asks the host for the time or for randomness.

    The supervisor of clients is a program of its own, without the package.
    """
    package = Path(labserver.__file__).parent
    asking = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _asks_the_host(node)
    }
    assert {path for path in asking if not path.startswith("cli/")} == {"clock.py", "check/supervisor.py"}


def _asks_the_host(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name in {"time", "random", "secrets", "uuid"} for name in names)
        case ast.ImportFrom(module="time" | "random" | "secrets" | "uuid"):
            return True
        case ast.Attribute(value=ast.Name(id="os" | "datetime"), attr="urandom" | "now" | "utcnow" | "today"):
            return True
        case _:
            return False
