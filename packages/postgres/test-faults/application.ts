import { DatabaseCache } from '@cache/postgres';
import postgres, { type Sql } from 'postgres';
import type { Application } from './invalidations.ts';

const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000, hooks: { onError: () => {} } };

/** An application on a server that answers, with patience: what the cache holds is judged here, not how fast. */
export function openApplication(
  url: string,
  { table = 'cache', connection = {} }: { readonly table?: string; readonly connection?: Record<string, string> } = {},
): Application & AsyncDisposable {
  const sql = postgres(url, { max: 4, connect_timeout: 10, fetch_types: false, connection, onnotice: () => {} }) as Sql;
  const cache = new DatabaseCache(sql, { ...PATIENT, table });
  return {
    sql,
    cache,
    async [Symbol.asyncDispose]() {
      await cache.close();
      await sql.end({ timeout: 0 });
    },
  };
}
