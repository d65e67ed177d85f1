"""Fixtures of the session's tests: a lab's parts without I/O."""

from __future__ import annotations

import pytest

from tests.session.playbook import Building


@pytest.fixture
def building() -> Building:
    """Return a lab's parts without I/O, from which a test opens sessions."""
    return Building()
