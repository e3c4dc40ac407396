import type { Store, StoreWriteContext } from '@cache/stack';
import type postgres from 'postgres';

/** A note as people write it. */
export interface Note {
  readonly text: string;
}

type Entry = readonly [key: string, note: Note];

/** Notes in a table. Its writes are idempotent, travel together, and refuse to go back to an older version. */
export class NoteStore implements Store<Note> {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async createTable(): Promise<void> {
    await this.#sql`CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, text TEXT, version BIGINT NOT NULL)`;
  }

  async load(key: string): Promise<Note | undefined> {
    const [note] = await this.#sql<Note[]>`SELECT text FROM note WHERE key = ${key} AND text IS NOT NULL`;
    return note;
  }

  write(key: string, note: Note, context: StoreWriteContext): Promise<unknown> {
    return this.#upsert([[key, note.text]], context);
  }

  writeMany(entries: readonly Entry[], context: StoreWriteContext): Promise<unknown> {
    return this.#upsert(
      entries.map(([key, { text }]) => [key, text]),
      context,
    );
  }

  /** The row stays, with its version: a write that arrives late finds that it is. */
  remove(key: string, context: StoreWriteContext): Promise<unknown> {
    return this.#upsert([[key, null]], context);
  }

  removeMany(keys: readonly string[], context: StoreWriteContext): Promise<unknown> {
    return this.#upsert(
      keys.map((key) => [key, null]),
      context,
    );
  }

  async #upsert(rows: (readonly [key: string, text: string | null])[], context: StoreWriteContext): Promise<void> {
    const keys = rows.map(([key]) => key);
    const texts = rows.map(([, text]) => text);
    const versions = keys.map((key) => `${context.versionOf(key) ?? 0}`);
    // What is given up is not cancelled: postgres.js hands the reply to a cancelled query to the one that was sent after it.
    await this.#sql`
      INSERT INTO note SELECT * FROM unnest(${keys}::text[], ${texts}::text[], ${versions}::bigint[])
      ON CONFLICT (key) DO UPDATE SET text = excluded.text, version = excluded.version
      WHERE note.version <= excluded.version`;
  }
}
