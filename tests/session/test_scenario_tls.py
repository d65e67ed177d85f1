"""What a lab can play, without a socket: a reason for what cannot be, and nothing made before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.catalogue.chains import ScenarioChains
from labserver.clock import SystemClock
from labserver.pki.material import Wanted, entropy_for, obtain
from labserver.pki.recipe_files import all_recipes
from labserver.session.engine_choice import Visit
from labserver.session.scenario_tls import ScenarioTls
from labserver.settings import Settings
from labserver.tls.stdlib import StdlibEngine
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    import pytest


def _scenario_tls(*, http: str = "") -> ScenarioTls:
    wanted, clock = Wanted(seed="scenario_tls"), SystemClock()
    material = obtain(wanted, clock=clock)
    chains = ScenarioChains(
        catalogue=CATALOGUE, wanted=wanted, material=material, entropy=entropy_for(wanted), clock=clock, http=http
    )
    return ScenarioTls(settings=Settings(ports={}, certificates=wanted), material=material, chains=chains, http=http)


def test_a_reason_in_place_of_a_handshake() -> None:
    """What cannot be served has its reason, which whoever connects nevertheless leaves in the transcript."""
    scenario_tls = _scenario_tls()
    reason = scenario_tls.unavailable("revoked")
    assert reason is not None
    failure = scenario_tls.answers("revoked", all_recipes()["revoked"])(Visit()).engine.failure
    assert failure is not None
    assert failure.reason == reason
    assert _scenario_tls(http="http://127.0.0.1:1").unavailable("revoked") is None


def test_nothing_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain of a scenario is made for the first who connects."""
    made: list[str] = []
    form = ScenarioChains.form

    def watched(self: ScenarioChains, identifier: str, *rest: object, **more: object) -> object:
        made.append(identifier)
        return form(self, identifier, *rest, **more)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(ScenarioChains, "form", watched)
    answer = _scenario_tls().answers("expired", all_recipes()["expired"])
    assert made == []
    assert isinstance(answer(Visit()).engine, StdlibEngine)
    assert made == ["expired"]
