"""What a lab cannot serve, seen from outside: refused with an alert, and on record with the reason, never as a lie."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.services import SERVICES
from tests.integration.labs import LabProcess, running
from tests.ours import CATALOGUE
from tests.scenarios.places import Place
from tests.scenarios.wire import Wire, lenient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def unable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab whose CA makes no faulty certificates."""
    with running(tmp_path_factory.mktemp("unable"), "--issuer", "trustme") as lab:
        yield lab


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "expired.lab.test"), (CATALOGUE.address("expired"), "x.lab.test")]
)
@pytest.mark.parametrize("service", ["imaps", "smtp"])
def test_refused(unable: LabProcess, service: str, host: str, name: str) -> None:
    """The handshake fails with internal_error; the transcript has the reason, and nothing misbehaved."""
    where = Place(
        scenario="expired",
        service=SERVICES[service],
        host=host,
        port=unable.ports[service],
        name=name,
        ca=Path(unable.ready["ca"]["pem"]),
    )
    known = len(unable.events("TlsFailed"))
    with Wire(where).begin() as wire, pytest.raises(ssl.SSLError, match="internal error"):
        wire.shake(lenient())
    (failed,) = unable.events("TlsFailed")[known:]
    assert "leave --issuer out" in failed["reason"]
    assert unable.events("Misbehaved") == []


def test_the_rest_is_served(unable: LabProcess) -> None:
    """Scenarios that need no faulty certificate of this CA are there, its good certificate too."""
    for scenario in ("good", "self-signed", "tls-v1-0"):
        where = Place(
            scenario=scenario,
            service=SERVICES["pop3s"],
            host=CATALOGUE.address(scenario),
            port=unable.ports["pop3s"],
            name="",
            ca=Path(unable.ready["ca"]["pem"]),
        )
        with Wire(where) as wire:
            assert wire.shake(lenient()).line().startswith(b"+OK ")
