"""How a server behaves, axis by axis. A facet's default is honest; a misbehaviour is one small class beside it."""

__all__: list[str] = []
