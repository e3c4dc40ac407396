import { migrate } from '@cache/postgres';
import { type Server, type StartPostgresOptions, startPostgres } from '@cache/test-servers';
import { type Administrator, administer } from './administrator.ts';

/** A server of one's own that holds the cache's tables in the schema `public`, and somebody to administer it. */
export interface MigratedServer extends AsyncDisposable {
  readonly server: Server;
  readonly admin: Administrator;
}

/** Starts a server with these settings and migrates it. */
export async function startMigrated(
  settings: StartPostgresOptions['settings'] = {},
  profile: 'standard' | 'lean' = 'standard',
): Promise<MigratedServer> {
  const server = await startPostgres({ settings });
  const admin = administer(server);
  const close = async (): Promise<void> => {
    await admin[Symbol.asyncDispose]();
    await server.close();
  };
  try {
    await migrate(admin.sql, { profile });
  } catch (error) {
    await close();
    throw error;
  }
  return { server, admin, [Symbol.asyncDispose]: close };
}
