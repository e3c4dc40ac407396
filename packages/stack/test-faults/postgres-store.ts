import type { Store, StoreWriteContext } from '@cache/stack';
import type postgres from 'postgres';

/**
 * A table behind a cache, as an application has it: an upsert for many rows that refuses to go back to an older version, a
 * delete, and a rule that one value breaks. A trigger notes every row that is written, in order. What was given up is not cancelled:
 * see the control in write-behind.test.ts.
 */
export class PostgresStore implements Store<string> {
  readonly #sql: postgres.Sql;
  readonly #order: 'compares versions' | 'takes what comes';

  constructor(sql: postgres.Sql, order: 'compares versions' | 'takes what comes' = 'compares versions') {
    this.#sql = sql;
    this.#order = order;
  }

  async create(): Promise<void> {
    await this.#sql.unsafe(`
      CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL CHECK (value <> 'poison'), version BIGINT);
      CREATE TABLE history (at BIGSERIAL PRIMARY KEY, key TEXT, value TEXT);
      CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO history (key, value) VALUES (NEW.key, NEW.value); RETURN NEW; END $$;
      CREATE TRIGGER note AFTER INSERT OR UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION note();
    `);
  }

  async load(key: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ value: string }[]>`SELECT value FROM entry WHERE key = ${key}`;
    return row?.value;
  }

  write(key: string, value: string, context: StoreWriteContext): Promise<unknown> {
    return this.writeMany([[key, value]], context);
  }

  writeMany(entries: readonly (readonly [string, string])[], context: StoreWriteContext): Promise<unknown> {
    const keys = entries.map(([key]) => key);
    const values = entries.map(([, value]) => value);
    const versions = keys.map((key) => `${context.versionOf(key)}`);
    const isOpen = this.#order === 'takes what comes';
    return this.#sql`INSERT INTO entry SELECT * FROM unnest(${keys}::text[], ${values}::text[], ${versions}::bigint[])
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version
      WHERE entry.version <= excluded.version OR ${isOpen}`;
  }

  remove(key: string): Promise<unknown> {
    return this.#sql`DELETE FROM entry WHERE key = ${key}`;
  }
}
