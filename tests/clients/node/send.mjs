// Submits the message in `settings.message`, byte for byte, with nodemailer.
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';
import { settings, tls } from './settings.mjs';

const transport = nodemailer.createTransport({
    host: settings.host,
    port: settings.port,
    secure: settings.implicit,
    requireTLS: true,
    auth:
        settings.mechanism === 'XOAUTH2'
            ? { type: 'OAuth2', user: settings.user, accessToken: settings.token }
            : { user: settings.user, pass: settings.password },
    authMethod: settings.mechanism ?? undefined,
    connectionTimeout: settings.patience,
    greetingTimeout: settings.patience,
    tls
});

await transport.sendMail({
    envelope: { from: settings.address, to: settings.address, use8BitMime: true },
    raw: readFileSync(settings.message)
});
transport.close();
