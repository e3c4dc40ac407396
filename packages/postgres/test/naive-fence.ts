import type { ISql, Sql } from 'postgres';

/**
 * The snapshot fence as one writes it first: an entry carries the snapshot of its load, a log says which transaction
 * invalidated what, and an entry is good while its snapshot sees all of the log. Each hole in it is a control.
 */
export class NaiveFence {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async create(): Promise<void> {
    await this.#sql`CREATE TABLE naive_item (key text PRIMARY KEY, value text, tag text, snap pg_snapshot)`;
    await this.#sql`CREATE TABLE naive_log (tag text, xid xid8 NOT NULL DEFAULT pg_current_xact_id())`;
  }

  async snapshot(): Promise<string> {
    const [row] = await this.#sql`SELECT pg_current_snapshot()::text AS snap`;
    return row?.['snap'] as string;
  }

  async fill(key: string, value: string, tag: string, snapshot: string): Promise<void> {
    await this.#sql`INSERT INTO naive_item VALUES (${key}, ${value}, ${tag}, ${snapshot}::text::pg_snapshot)
      ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, snap = EXCLUDED.snap
      WHERE pg_snapshot_xmax(EXCLUDED.snap) >= pg_snapshot_xmax(naive_item.snap)`;
  }

  async set(sql: ISql, key: string, value: string, tag: string): Promise<void> {
    await sql`INSERT INTO naive_item VALUES (${key}, ${value}, ${tag}, pg_current_snapshot())
      ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, snap = EXCLUDED.snap`;
  }

  async invalidate(sql: ISql, tag: string): Promise<void> {
    await sql`INSERT INTO naive_log (tag) VALUES (${tag})`;
  }

  async get(key: string): Promise<string | undefined> {
    const [row] = await this.#sql`SELECT value FROM naive_item c WHERE key = ${key} AND NOT EXISTS (
      SELECT FROM naive_log l WHERE l.tag = c.tag AND NOT pg_visible_in_snapshot(l.xid, c.snap))`;
    return row?.['value'] as string | undefined;
  }
}
