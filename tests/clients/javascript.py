"""Running the npm clients in ``node/``; ``npm install --no-audit --no-fund --no-package-lock`` there installs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.sandbox import missing
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.clients.expect import Conversation
    from tests.clients.running_lab import Endpoint
    from tests.clients.sandbox import Sandbox

__all__ = ["node", "node_conversation"]

_SCRIPTS = Path(__file__).with_name("node")


def node(sandbox: Sandbox, script: str, endpoint: Endpoint, **more: str) -> bytes:
    """Run a script of the folder to its end with the endpoint (and ``more``) as JSON in its one argument."""
    return sandbox.run(sandbox.program("node"), _script(script), _settings(endpoint, **more))


def node_conversation(
    sandbox: Sandbox, script: str, endpoint: Endpoint, **more: str
) -> AbstractContextManager[Conversation]:
    """Start a script of the folder for the length of a ``with`` block."""
    return sandbox.converse(sandbox.program("node"), _script(script), _settings(endpoint, **more))


def _script(name: str) -> Path:
    if not (_SCRIPTS / "node_modules").is_dir():
        missing(f"what npm install fetches (run it in {_SCRIPTS})")
    return _SCRIPTS / name


def _settings(endpoint: Endpoint, **more: str) -> str:
    settings = {
        "host": endpoint.host,
        "port": endpoint.port,
        "implicit": endpoint.implicit,
        "ca": endpoint.ca.read_text(),
        "user": endpoint.account.user,
        "password": endpoint.account.password,
        "token": endpoint.account.token,
        "address": endpoint.account.address,
        "mechanism": endpoint.mechanism,
        "patience": 1000 * PATIENCE,
        **more,
    }
    return json.dumps(settings)
