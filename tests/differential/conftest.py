"""Fixtures of the differential test: the lab and Dovecot side by side, with any user and the same folders."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from tests.clients.running_lab import running_lab
from tests.differential.dovecot import running_dovecot
from tests.differential.wire import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def our_imap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the lab for the whole session; over imaps, for in clear it lets nobody log in."""
    with running_lab(tmp_path_factory.mktemp("differential"), "--accept-any", accounts=0) as lab:
        yield Server(port=lab.ports["imaps"], context=ssl.create_default_context(cafile=str(lab.ca)))


@pytest.fixture(scope="session")
def dovecot_imap() -> Iterator[Server]:
    """Run Dovecot for the whole session."""
    with running_dovecot() as port:
        yield Server(port=port)
