"""TLS engines without I/O behind one interface, and the settings they are made from."""

__all__: list[str] = []
