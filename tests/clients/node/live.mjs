// Idles in the INBOX, prints "idling", then waits for a message; downloads it in chunks, flags it, moves it to Archived.
import { buffer } from 'node:stream/consumers';
import { client } from './imap.mjs';

await client.connect();
await client.mailboxOpen('INBOX');
const arrival = new Promise((resolve) => client.once('exists', resolve));
client.idle();
process.stdout.write('idling\n');
const { count, prevCount } = await arrival;

const { uid } = await client.fetchOne('*', { uid: true });
const { content } = await client.download(uid, undefined, { uid: true, chunkSize: 256 });
const body = await buffer(content);
await client.messageFlagsAdd(uid, ['\\Flagged'], { uid: true });
await client.mailboxCreate('Archived');
const moved = await client.messageMove(uid, 'Archived', { uid: true });
const left = await client.status('INBOX', { messages: true });
await client.logout();

process.stdout.write(
    JSON.stringify({ count, prevCount, body: body.toString('latin1'), to: moved.uidMap.get(uid), left: left.messages }) + '\n'
);
