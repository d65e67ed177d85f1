// Writes the newest message of the INBOX to standard output, byte for byte.
import { client } from './imap.mjs';

await client.connect();
const lock = await client.getMailboxLock('INBOX');
try {
    const { source } = await client.fetchOne('*', { source: true });
    process.stdout.write(source);
} finally {
    lock.release();
}
await client.logout();
