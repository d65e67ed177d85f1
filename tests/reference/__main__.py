"""A reference client as a program: ``strict|gullible HOST PORT CA USER PASSWORD ADDRESS SERVICE``.

The strict one waits $PATIENCE seconds for the server, or a moment that is longer on a busy machine.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.patience import unhurried
from tests.reference.client import client
from tests.reference.sockets import SocketDriver
from tests.reference.traits import GULLIBLE, STRICT, Account

_, name, host, port, ca, user, password, address, service = sys.argv
patience = float(os.environ.get("PATIENCE", "") or unhurried(0.7))
traits = replace(STRICT, patience=patience) if name == STRICT.name else GULLIBLE
driver = SocketDriver(host=host, port=int(port), ca=Path(ca), traits=traits)
driver.run(client(service, traits, Account(user=user, password=password, address=address)))
