// What the test wants, as JSON in the one argument.
export const settings = JSON.parse(process.argv[2]);

// Node.js 18 has it only when it is imported, and imapflow takes it from here.
globalThis.crypto ??= (await import('node:crypto')).webcrypto;

export const tls = { ca: settings.ca, servername: settings.host };
