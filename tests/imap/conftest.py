"""Labs for the tests of the IMAP session core."""

from __future__ import annotations

import pytest

from tests.imap.driver import Lab, message


@pytest.fixture
def lab() -> Lab:
    """Return a lab with nothing in it."""
    return Lab()


@pytest.fixture
def filled() -> Lab:
    """Return a lab with five messages, ``one`` to ``five``, in the INBOX."""
    lab = Lab()
    lab.deliver(*(message(subject) for subject in ("one", "two", "three", "four", "five")))
    return lab
