// What the test wants, as JSON in the one argument.
const given = JSON.parse(process.argv[2]);
export const settings = { implicit: given.security === 'tls', ...given };

// Without an own CA, NODE_EXTRA_CA_CERTS says what to trust.
export const tls = { ca: settings.ca, servername: settings.host };
