import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { InMemoryCache } from '@cache/memory';
import { createCache, FileJournal, writeBehind } from '@cache/stack';
import postgres from 'postgres';
import { type Note, NoteStore } from './note-store.ts';
import { notesServer } from './notes-server.ts';

const { DATABASE_URL, JOURNAL_DIRECTORY = './journal', PORT = '0' } = process.env;
if (DATABASE_URL === undefined)
  throw new Error('Set DATABASE_URL to a PostgreSQL, such as postgres://localhost/notes.');

const sql = postgres(DATABASE_URL, { onnotice: () => {} });
const store = new NoteStore(sql);
await store.createTable();

// Fails here, with a name, if the directory cannot be used or another process has it open.
const journal = await FileJournal.open<Note>({ directory: JOURNAL_DIRECTORY });
const cache = createCache<Note>({ l1: new InMemoryCache<Note>({ maxSize: 10_000 }) });
const notes = writeBehind<Note>(cache, store, {
  journal,
  maxQueue: 50_000,
  onPoison: ({ key, error }) => console.error(`Note ${key} was refused by the database:`, error),
  hooks: {
    onRetry: ({ reason, delayMs, depth }) =>
      console.error(`The database: ${reason}; again in ${Math.round(delayMs)} ms, ${depth} notes queued.`),
  },
});

const server = notesServer(notes).listen(Number(PORT));
await once(server, 'listening');
console.log(`http://localhost:${(server.address() as AddressInfo).port}`);

/** No new requests, then no new writes, then everything that is queued goes to the database. */
async function shutDown(): Promise<void> {
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  // What does not arrive within 10 s is in the journal, and is replayed at the next start.
  await notes.close({ withinMs: 10_000 }).catch((error: Error) => console.error(error.message));
  await journal.close();
  await cache.close();
  await sql.end({ timeout: 5 });
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void shutDown());
