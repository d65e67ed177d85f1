"""What forging costs, in a process of its own: ``python -m tests.bench.forging_alone [trustme]`` prints JSON.

The whole catalogue, from reading its recipes; the first chain, and each further one. With ``trustme`` as many leaves
of trustme's, which are all alike.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from statistics import median

import trustme

from labserver.catalogue.chains import ScenarioChains
from labserver.catalogue.shipped import RECIPES, shipped_catalogue
from labserver.clock import SystemClock, SystemEntropy
from labserver.pki.material import Wanted, obtain

ALL, FIRST, FURTHER = "whole catalogue", "first chain, the recipes read", "further chain"
"""In seconds, milliseconds, milliseconds."""


def _identifiers() -> list[str]:
    places = shipped_catalogue().places
    return [identifier for identifier, place in places.items() if place.file.startswith(RECIPES)]


def _ours() -> list[float]:
    clock, wanted = SystemClock(), Wanted()
    material = obtain(wanted, clock=clock)
    http = "http://127.0.0.1:3080"
    catalogue = shipped_catalogue()
    chains = ScenarioChains(
        catalogue=catalogue, wanted=wanted, material=material, entropy=SystemEntropy(), clock=clock, http=http
    )
    times = [time.perf_counter()]
    for identifier in _identifiers():
        chains.chain(identifier)
        times.append(time.perf_counter())
    return times


def _trustmes() -> list[float]:
    identifiers = _identifiers()
    ca, times = trustme.CA(), [time.perf_counter()]
    for identifier in identifiers:
        ca.issue_cert(f"{identifier}.lab.test", common_name="mail.lab.test")
        times.append(time.perf_counter())
    return times


if __name__ == "__main__":
    marks = _trustmes() if sys.argv[1:] == ["trustme"] else _ours()
    each = [after - before for before, after in pairwise(marks)]
    found = {ALL: marks[-1] - marks[0], FIRST: each[0] * 1000, FURTHER: median(each[1:]) * 1000}
    sys.stdout.write(json.dumps(found))
