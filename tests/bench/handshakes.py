"""TLS: full TLS 1.3 handshakes with a P-256 certificate, and what an idle connection keeps in memory."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import peers
from tests.bench.comparison import OURS, Bound, Rounds, interleaved, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.comparison import Line, Sample
    from tests.bench.processes import Server

__all__ = ["ENGINES", "run", "run_memory"]

ENGINES = ("openssl", "stdlib")
_RATE = "handshakes"
_TIME = "server's processor time"
_S_SERVER = "openssl s_server"
_AIOSMTPD = "bare aiosmtpd, asyncio's TLS"
_MEMORY = "resident memory per idle connection"
_WARM_UP = 20
_KIB = 1024


def run(folder: Path, *, rounds: int, seconds: int, engines: Sequence[str] = ENGINES) -> str:
    """Measure handshakes of one client, one after the other."""
    certificate = peers.Certificate.issue(folder)
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], Sample]] = {}
        for engine in engines:
            lab = stack.enter_context(_lab(folder, engine, certificate))
            contenders[engine] = partial(_shake, lab.server, lab.ports["imaps"], seconds)
        peer = stack.enter_context(peers.s_server(folder, certificate))
        contenders[_S_SERVER] = partial(_shake, peer.server, peer.port, seconds)
        bare = stack.enter_context(peers.aiosmtpd(folder, certificate))
        contenders[_AIOSMTPD] = partial(_shake, bare.server, bare.port, seconds)
        found = interleaved(contenders, rounds)
    lines: list[Line] = []
    for engine in engines:
        what = f"imaps, engine {engine}"
        wanted = Bound(at_least=0.6)
        lines += [
            found.line(_RATE, unit="handshakes/s", peer=_S_SERVER, ours=engine, what=what, wanted=wanted),
            found.line(_TIME, unit="ms/handshake", peer=_S_SERVER, ours=engine, what=f"{what}: {_TIME}"),
            found.line(_RATE, unit="handshakes/s", peer=_AIOSMTPD, ours=engine, what=what),
        ]
    return table("TLS handshakes", lines)


def _lab(folder: Path, engine: str, certificate: peers.Certificate) -> AbstractContextManager[peers.Lab]:
    return peers.lab(folder, "--tls-engine", engine, "--cert", str(certificate.chain), "--key", str(certificate.key))


def _shake(server: Server, port: int, seconds: int) -> Sample:
    """Count handshakes by ``openssl s_time``; its own seconds are whole ones, so they are taken from outside."""
    used, before = server.processor_seconds(), time.perf_counter()
    report = subprocess.run(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-tls1_3", "-time", str(seconds)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    elapsed = time.perf_counter() - before
    found = re.search(r"(\d+) connections in \d+ real seconds", report)
    if found is None or found[1] == "0":
        raise RuntimeError(f"no handshake succeeded: {report}")
    handshakes = int(found[1])
    return {_RATE: handshakes / elapsed, _TIME: (server.processor_seconds() - used) * 1000 / handshakes}


def run_memory(folder: Path, *, connections: int) -> str:
    """Measure what idle connections add to the memory of a lab that has served some before."""
    certificate = peers.Certificate.issue(folder)
    with peers.aiosmtpd(folder, certificate) as peer:
        bare = _idle(peer.server, peer.port, connections)
    lines = []
    for engine in ENGINES:
        for service in ("imaps", "submissions"):
            with _lab(folder, engine, certificate) as lab:
                ours = _idle(lab.server, lab.ports[service], connections)
            found = Rounds({OURS: [{_MEMORY: ours}], _AIOSMTPD: [{_MEMORY: bare}]})
            what, wanted = f"{service}, engine {engine}", Bound(at_most=66)
            lines.append(found.line(_MEMORY, unit="KiB", peer=_AIOSMTPD, what=what, wanted=wanted, absolute=True))
    return table(f"Memory per idle TLS connection, {connections} of them", lines)


def _idle(server: Server, port: int, connections: int) -> float:
    """Return the KiB that each of so many greeted TLS connections adds."""
    with _connected(port, _WARM_UP):
        pass
    before = server.resident()
    with _connected(port, connections):
        return (server.resident() - before) / connections / _KIB


@contextmanager
def _connected(port: int, connections: int) -> Iterator[None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with ExitStack() as stack:
        for _ in range(connections):
            plain = socket.create_connection(("127.0.0.1", port))
            connection = stack.enter_context(context.wrap_socket(plain))
            if not connection.recv(4096):
                raise RuntimeError("no greeting")
        yield
