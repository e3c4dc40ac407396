import { type Server, settle } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';

const LIMIT_MS = 30_000;

/** A superuser with a connection of its own to a server under test, to set it up, to break it and to look at what really happened. */
export interface Administrator extends AsyncDisposable {
  /** The connection, for what needs a transaction that stays open. There is one, so do not wait in it for another. */
  readonly sql: Sql;
  /** The rows of one or more statements; rejects with what the server says, or after half a minute. */
  run(text: string): Promise<readonly Record<string, unknown>[]>;
  /** The first column of the first row. */
  valueOf(text: string): Promise<unknown>;
}

/** Connects to `server` as an administrator. */
export function administer(server: Pick<Server, 'url'>): Administrator {
  const settings = { max: 1, fetch_types: false, connect_timeout: 20, backoff: () => 0.05, onnotice: () => {} };
  const connection = { application_name: 'administrator' };
  const sql = postgres(server.url, { ...settings, connection }) as Sql;
  const run = async (text: string): Promise<readonly Record<string, unknown>[]> => {
    const reply = await settle(sql.unsafe(text).simple(), LIMIT_MS);
    if (reply.state === 'rejected') throw reply.reason;
    return reply.value;
  };
  return {
    sql,
    run,
    async valueOf(text) {
      const [row] = await run(text);
      return Object.values(row ?? {})[0];
    },
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 0 });
    },
  };
}
