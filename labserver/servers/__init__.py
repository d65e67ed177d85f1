"""The only I/O: listeners, connections and what else has sockets."""

__all__: list[str] = []
