// What the test wants, as JSON in the one argument.
export const settings = JSON.parse(process.argv[2]);

export const tls = { ca: settings.ca, servername: settings.host };
