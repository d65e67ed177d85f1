"""`curl` with http:// and https:// to mail ports, as a page in a browser would have it: nothing in it is obeyed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.clients.sandbox import ClientRefusedError

if TYPE_CHECKING:
    from tests.clients.running_lab import RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client

_MAIL = "EHLO me\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@lab.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n"
_BODIES = {
    "smtp": _MAIL,
    "submissions": "EHLO me\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n" + _MAIL,
    "imap": "1 NOOP\r\n",
    "imaps": "1 LOGIN user secret\r\n2 APPEND INBOX {9+}\r\nX: page\r\n\r\n3 LOGOUT\r\n",
    "pop3": "CAPA\r\n",
    "pop3s": "USER user\r\nPASS secret\r\nSTAT\r\nQUIT\r\n",
}


@pytest.mark.parametrize("service", list(_BODIES))
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_page_cannot_speak_to_mail_ports(classic_lab: RunningLab, desk: Sandbox, service: str, method: str) -> None:
    """The request is answered with a goodbye, and the transcript has no command but its method, and no login."""
    scheme = "https" if service.endswith("s") else "http"
    body = desk.file("body", _BODIES[service])
    url = f"{scheme}://localhost:{classic_lab.ports[service]}/"
    start = classic_lab.now()
    with suppress(ClientRefusedError):  # the lab hangs up while the body is on its way
        said = desk.run(
            "curl", "-sS", "--http0.9", "--max-time", 15, "--cacert", classic_lab.ca, "-X", method,
            "-H", "Expect:", "--data-binary", f"@{body}", url,
        )  # fmt: skip
        assert b"HTTP is not spoken here" in said
    events = classic_lab.events(start)
    said_by_client = [event for event in events if event["event"] == "CommandReceived"]
    assert [event["data"] for event in said_by_client] in ([f"{method} ****\r\n"], [f"{method} ****\r\n", "****"])
    assert [event["kind"] for event in events if event["event"] == "ReplySent"] == ["greeting", "farewell"]
    assert not [event for event in events if event["event"] in ("AuthenticationSucceeded", "DataReceived")]
