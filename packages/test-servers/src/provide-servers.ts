import { providePostgres } from './provide-postgres.ts';
import { provideRedis } from './provide-redis.ts';
import type { Provided } from './provided.ts';

/** Which servers {@link provideServers} is to find or start. */
export type ServerKind = 'redis' | 'postgres';

const VARIABLES = { redis: 'REDIS_URL', postgres: 'DATABASE_URL' } as const;
const PROVIDERS = { redis: provideRedis, postgres: providePostgres } as const;

/** Servers for a run of tests: the variables to hand to it, and how to end them. */
export interface ProvidedServers {
  readonly env: Readonly<Record<string, string>>;
  /** One line per server that says where it came from. */
  readonly origins: readonly string[];
  close(): Promise<void>;
}

/** Finds or starts the servers that are asked for; if one cannot be had, ends the other and throws with what to do. */
export async function provideServers(kinds: readonly ServerKind[] = ['redis', 'postgres']): Promise<ProvidedServers> {
  const attempts = await Promise.allSettled(kinds.map((kind) => PROVIDERS[kind]()));
  const provided = new Map<ServerKind, Provided>();
  for (const [index, attempt] of attempts.entries()) {
    const kind = kinds[index];
    if (kind !== undefined && attempt.status === 'fulfilled') provided.set(kind, attempt.value);
  }
  const close = async (): Promise<void> => {
    await Promise.allSettled([...provided.values()].map((server) => server.close()));
  };
  const refused = attempts.find((attempt) => attempt.status === 'rejected');
  if (refused !== undefined) {
    await close();
    throw refused.reason;
  }
  const entries = [...provided];
  return {
    env: Object.fromEntries(entries.map(([kind, { url }]) => [VARIABLES[kind], url])),
    origins: entries.map(([kind, { origin }]) => `${kind}: ${origin}`),
    close,
  };
}

/** The Redis that the jest set-up provided. */
export function redisUrl(): string {
  return urlFrom('REDIS_URL', 'redis-setup');
}

/** The PostgreSQL that the jest set-up provided. */
export function databaseUrl(): string {
  return urlFrom('DATABASE_URL', 'postgres-setup');
}

function urlFrom(variable: string, setup: string): string {
  const url = process.env[variable];
  if (url) return url;
  throw new Error(`${variable} is not set: name @cache/test-servers/${setup} as globalSetup in jest.config.js.`);
}
