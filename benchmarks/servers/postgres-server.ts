import { type StartPostgresOptions, startPostgres } from '@cache/test-servers';

/** What PostgreSQL ships with, which the servers for tests turn off: a commit that is answered is on disk. */
const DURABLE: NonNullable<StartPostgresOptions['settings']> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
};

/** Somewhere to measure on. */
export interface BenchmarkServer {
  readonly url: string;
  /** For the report. */
  readonly origin: string;
  close(): Promise<void>;
}

/** `DATABASE_URL`, or a server of our own with PostgreSQL's own settings. */
export async function providePostgresServer(): Promise<BenchmarkServer> {
  const named = process.env['DATABASE_URL'];
  if (named) return { url: named, origin: 'DATABASE_URL', close: async () => {} };
  const server = await startPostgres({ settings: DURABLE });
  return { url: server.url, origin: 'loopback, its own default settings', close: () => server.close() };
}
