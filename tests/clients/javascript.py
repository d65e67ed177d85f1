"""Running the npm clients in ``node/``; ``npm install --no-audit --no-fund --no-package-lock`` there installs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.sandbox import missing

if TYPE_CHECKING:
    from tests.clients.running_lab import Endpoint
    from tests.clients.sandbox import Sandbox

__all__ = ["node"]

_SCRIPTS = Path(__file__).with_name("node")


def node(sandbox: Sandbox, script: str, endpoint: Endpoint, *, method: str | None = None, **more: str) -> bytes:
    """Run a script of the folder with the endpoint (and ``more``) as JSON on its standard input."""
    if not (_SCRIPTS / "node_modules").is_dir():
        missing(f"npm packages (npm install in {_SCRIPTS})")
    settings = {
        "host": endpoint.host,
        "port": endpoint.port,
        "implicit": endpoint.implicit,
        "ca": endpoint.ca.read_text(),
        "user": endpoint.account.user,
        "password": endpoint.account.password,
        "address": endpoint.account.address,
        "method": method,
        **more,
    }
    return sandbox.run("node", _SCRIPTS / script, stdin=json.dumps(settings).encode())
