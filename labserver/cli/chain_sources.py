"""Where ``labserver certs`` gets chains from: the lab that runs, or one that would be as the options say."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from labserver.cli.control import answered
from labserver.clock import SystemClock
from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.material import certificate_clock, entropy_for, obtain
from labserver.pki.portable import unpacked
from labserver.settings import HTTP_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from labserver.catalogue.catalogue import Catalogue
    from labserver.catalogue.chains import ScenarioChains
    from labserver.errors import LabError
    from labserver.pki.chain import Chain
    from labserver.pki.material import Wanted

__all__ = ["ImaginedLab", "RunningLab", "Source"]


class Source(Protocol):
    """A lab's chains."""

    def server(self) -> Chain:
        """Return what it presents."""

    def client(self, account: str) -> Chain:
        """Return a new one for SASL EXTERNAL."""

    def scenario(self, identifier: str, hosts: tuple[str, ...] = ()) -> Chain:
        """Return a scenario's, for other host names than its own if there are any.

        Raises UnavailableError if this lab cannot make it.
        """

    def now(self) -> datetime:
        """Return by which time a client would judge."""


class RunningLab:
    """A lab that runs, asked through its control socket; its ready record says where that is."""

    def __init__(self, record: Mapping[str, object]) -> None:
        self._record = record

    def server(self) -> Chain:
        """Return what it presents."""
        return self._chain("server")

    def client(self, account: str) -> Chain:
        """Return a new one for SASL EXTERNAL."""
        return self._chain(f"client {json.dumps(account)}")

    def scenario(self, identifier: str, hosts: tuple[str, ...] = ()) -> Chain:
        """Return the scenario's as it is served, or for other host names."""
        return self._chain(f"scenario {json.dumps([identifier, *hosts])}")

    def anchors(self, identifier: str) -> dict[str, str]:
        """Return files with what clients of a scenario are to trust, by their kinds, as in the lab's ready record."""
        answer = self._answer(f"anchors {json.dumps(identifier)}")
        try:
            found: dict[str, str] = json.loads(answer)
            if "pem" in found:
                return found
        except ValueError:
            pass
        raise _refusal(answer)

    def now(self) -> datetime:
        """Return the time."""
        return SystemClock().now()

    def _chain(self, request: str) -> Chain:
        answer = self._answer(f"certificate {request}")
        try:
            return unpacked(answer)
        except (LookupError, ValueError) as error:
            raise _refusal(answer) from error

    def _answer(self, request: str) -> str:
        return next(answered(self._record, request), "")


class ImaginedLab:
    """A lab that does not run: what one with these options would present."""

    def __init__(self, catalogue: Catalogue, wanted: Wanted) -> None:
        clock = SystemClock()
        self.material = obtain(wanted, clock=clock)
        self._clock = certificate_clock(wanted, clock)
        self._catalogue = catalogue
        self._wanted = wanted

    @cached_property
    def _chains(self) -> ScenarioChains:
        from labserver.catalogue.chains import ScenarioChains  # noqa: PLC0415 -- the catalogue, only when needed

        entropy = entropy_for(self._wanted)
        return ScenarioChains(
            catalogue=self._catalogue,
            wanted=self._wanted,
            material=self.material,
            entropy=entropy,
            clock=self._clock,
            http=f"http://127.0.0.1:{HTTP_PORT}",
        )

    def server(self) -> Chain:
        """Return what it would present."""
        return self.material.chain

    def client(self, account: str) -> Chain:
        """Return a new one for SASL EXTERNAL."""
        return self.material.issuer.issue_client(account)

    def scenario(self, identifier: str, hosts: tuple[str, ...] = ()) -> Chain:
        """Return the scenario's as it would be served, or for other host names."""
        return self._chains.chain(identifier, hosts)

    def now(self) -> datetime:
        """Return the time at which the lab would be."""
        return self._clock.now()


def _refusal(answer: str) -> LabError:
    try:
        said = json.loads(answer)
        return (UnavailableError if said["unavailable"] else ConfigurationError)(str(said["error"]))
    except (LookupError, ValueError):
        return ConfigurationError("the lab gave no certificate; is it of another version?")
