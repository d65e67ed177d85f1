"""The contract with tlslite-ng: the private names that are used exist in the version that is pinned, as they were."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from tlslite.messages import ClientHello
from tlslite.recordlayer import RecordLayer
from tlslite.tlsconnection import TLSConnection

from labserver.tls import tlslite_connection
from labserver.tls.tlslite_connection import PRIVATE, Connection, Memory

ATTRIBUTES = frozenset({"_clientRandom", "_serverRandom", "_recordLayer"})
_SOURCES = sorted(Path(tlslite_connection.__file__).parent.glob("tlslite*.py"))


def test_version() -> None:
    """It is the version whose private names these are; for another one, look at each of them first."""
    assert version("tlslite-ng") == "0.8.2"


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in PRIVATE.items() for name in names], ids=str
)
def test_parameters(owner: type, name: str) -> None:
    """A private method has the parameters that are expected of it."""
    assert tuple(inspect.signature(getattr(owner, name)).parameters) == PRIVATE[owner][name]


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_attributes(name: str) -> None:
    """A private attribute is there."""
    assert hasattr(Connection(Memory(), lambda _random, _label, _secret: None), name)


def test_all_of_them() -> None:
    """What private names of tlslite-ng the sources use, those tests know."""
    theirs = {name for it in (TLSConnection(Memory()), RecordLayer(Memory()), ClientHello()) for name in dir(it)}
    used = {name for path in _SOURCES for name in re.findall(r"(?:\.|def )(_[a-zA-Z]\w+)", path.read_text())}
    listed = {name for names in PRIVATE.values() for name in names}
    assert len(used & theirs) > 8
    assert used & theirs <= listed | ATTRIBUTES
