"""One lab for all that meet scenarios from outside: every scenario by name, by address and on ports of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clients.sandbox import missing
from tests.integration.labs import LabProcess, running
from tests.ours import CATALOGUE, written

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run the lab with every scenario leased that is met by default, or has an entry of its own."""
    leased = dict.fromkeys((*CATALOGUE.default, *written()))
    options = [word for identifier in leased for word in ("--scenario", identifier)]
    options += ["--max-transcript-sessions", "50000"]  # more than all tests make: they count what has come since
    with running(tmp_path_factory.mktemp("stage"), *options) as lab:
        yield lab


@pytest.fixture(autouse=True)
def programs(request: pytest.FixtureRequest) -> None:
    """See that the programs are there that judge from outside."""
    if request.node.get_closest_marker("client") is not None:
        for program in ("openssl", "gnutls-cli"):
            if shutil.which(program) is None:
                missing(program)
