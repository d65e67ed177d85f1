"""TLS engines without I/O behind one interface."""

__all__: list[str] = []
