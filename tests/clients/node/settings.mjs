// What the test wants, as JSON on standard input.
import { text } from 'node:stream/consumers';

export const settings = JSON.parse(await text(process.stdin));

export const tls = { ca: settings.ca, servername: settings.host };
