"""Exec to ready: a whole lab, with a new CA and seven services, against servers of one port without TLS."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.bench import peers
from tests.bench.comparison import OURS, Bound, interleaved, table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.comparison import Sample

__all__ = ["run"]

_IMPORT = "from twisted.internet import asyncioreactor; asyncioreactor.install()"
_READY = "exec to ready"


def run(folder: Path, *, rounds: int) -> str:
    """Start everything, several times."""

    def ours() -> Sample:
        with peers.lab(folder) as lab:
            return {_READY: lab.server.seconds}

    def aiosmtpd() -> Sample:
        with peers.aiosmtpd(folder) as peer:
            return {_READY: peer.server.seconds}

    def reactor() -> Sample:
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", _IMPORT], check=True)
        return {_READY: time.perf_counter() - before}

    contenders = {OURS: ours, "bare aiosmtpd": aiosmtpd, "Twisted's reactor alone, to exit": reactor}
    ours()  # so that everybody's modules are compiled and in the page cache
    found = interleaved(contenders, rounds)
    wanted = Bound(at_most=0.3)
    lines = [found.line(_READY, unit="s", peer=peer, wanted=wanted, absolute=True) for peer in list(contenders)[1:]]
    return table("Start", lines)
