"""Fixtures of the sessions by hand: a lab that knows `user` with the password `secret`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from tests.clients.running_lab import RunningLab, running_lab
from tests.clients.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def classic_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Run the lab for the whole session."""
    with running_lab(tmp_path_factory.mktemp("classic"), "--user", "user:secret", accounts=0) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Sandbox:
    """Return where the person at the keyboard sits."""
    return Sandbox(home=tmp_path)


@pytest.fixture(scope="session")
def another_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the certificate of a CA that issued nothing here."""
    path = tmp_path_factory.mktemp("another") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path
