// A verifying imapflow client that is not logged in yet.
import { ImapFlow } from 'imapflow';
import { settings, tls } from './settings.mjs';

export const client = new ImapFlow({
    host: settings.host,
    port: settings.port,
    secure: settings.implicit,
    doSTARTTLS: settings.implicit ? undefined : true,
    auth:
        settings.mechanism === 'OAUTHBEARER'
            ? { user: settings.user, accessToken: settings.token }
            : {
                  user: settings.user,
                  pass: settings.password,
                  loginMethod: settings.mechanism ? `AUTH=${settings.mechanism}` : undefined
              },
    logger: false,
    connectionTimeout: settings.patience,
    greetingTimeout: settings.patience,
    tls
});
