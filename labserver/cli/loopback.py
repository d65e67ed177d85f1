"""What this machine's loopback has room for: an address for each scenario, or ports only."""

from __future__ import annotations

import socket

__all__ = ["ONE_ADDRESS", "has_addresses"]

ONE_ADDRESS = "127.0.0.1"


def has_addresses() -> bool:
    """Tell whether scenarios have addresses of their own: on Linux, where all of 127.0.0.0/8 is this machine."""
    return hasattr(socket, "SO_BINDTODEVICE")
