"""Fixtures of the server tests: playbooks over the real membrane, with a scripted session or an honest one."""

from __future__ import annotations

import pytest

from tests.servers.playbook import Building


@pytest.fixture
def building() -> Building:
    """Return a lab's parts without I/O, from which a test opens sessions."""
    return Building()
