"""The only I/O: listeners, connections, the membrane and the transcript."""

__all__: list[str] = []
