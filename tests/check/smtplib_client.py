"""Sends a message with smtplib: ``HOST PORT CA USER PASSWORD SECURITY ADDRESS [unverified]``.

Without a context smtplib verifies nothing; that is what ``unverified`` shows.
"""

from __future__ import annotations

import os
import smtplib
import ssl
import sys

host, port, ca, user, password, security, address, *more = sys.argv[1:]
patience = float(os.environ.get("PATIENCE", "5"))
context = None if more else ssl.create_default_context(cafile=ca)
if security == "tls":
    client: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port), timeout=patience, context=context)
else:
    client = smtplib.SMTP(host, int(port), timeout=patience)
    client.starttls(context=context)
client.login(user, password)
client.sendmail(address, [address], "Subject: checked\r\n\r\nHello!\r\n")
client.quit()
