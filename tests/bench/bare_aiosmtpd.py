"""The peer "bare aiosmtpd" as a process: the smallest server of one's own, throwing mail away. Prints its port."""

from __future__ import annotations

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def main(tls: list[str]) -> None:
    """Serve until ended, with implicit TLS if given a certificate chain and a key."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Sink(), enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0, backlog=511, ssl=context
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 -- how it says that it is ready
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
