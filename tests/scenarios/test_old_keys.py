"""Weak keys as served: a client that takes everything is shown the certificate; one that does not has not met it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.pki.recipe_files import all_recipes
from labserver.services import SERVICES
from tests.ours import CATALOGUE
from tests.scenarios.places import Place, s_client

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

pytestmark = pytest.mark.client

OLD = [name for name, spec in all_recipes().items() if spec.topic == "algorithms" and spec.newest == "TLSv1.2"]
UNNAMED = ["brainpool-p256r1", "dsa-leaf", "ecc192", "ecc224", "secp256k1"]
"""Those that today's clients have nothing for: no curve, or no cipher suite."""
EVERYTHING = ("-cipher", "aNULL:ALL:@SECLEVEL=0", "-groups", "P-192:P-224:secp256k1:brainpoolP256r1:P-256")


def _place(lab: LabProcess, scenario: str) -> Place:
    return Place(
        scenario=scenario,
        service=SERVICES["imaps"],
        host="127.0.0.1",
        port=lab.ports["imaps"],
        name=CATALOGUE[scenario].host_names[0],
        ca=Path(lab.ready["ca"]["pem"]),
    )


@pytest.mark.parametrize("scenario", OLD)
def test_taken(stage: LabProcess, scenario: str) -> None:
    """If nothing is demanded of keys, the handshake ends well, in TLS 1.2, not anonymously; no other fault is there."""
    known = len(stage.events("Misbehaved"))
    printed = s_client(_place(stage, scenario), *EVERYTHING)
    assert "Verify return code: 0 (ok)" in printed
    assert re.search(r"^New, TLSv1.2, Cipher is (ECDHE-ECDSA|ECDHE-RSA|DHE-DSS)-", printed, re.MULTILINE), printed
    assert [one["scenario"] for one in stage.events("Misbehaved")[known:]] == [scenario]


@pytest.mark.parametrize("scenario", UNNAMED)
def test_not_met(stage: LabProcess, scenario: str) -> None:
    """A client that does not name what the key needs gets an alert, and is not said to have met anything."""
    known = len(stage.events("TlsFailed")), len(stage.events("Misbehaved"))
    printed = s_client(_place(stage, scenario))
    assert "handshake failure" in printed
    (failed,) = stage.events("TlsFailed")[known[0] :]
    assert failed["reason"] == "no shared cipher"
    assert stage.events("Misbehaved")[known[1] :] == []
