import { provideServers, type ServerKind } from '@cache/test-servers';
import type { Closer } from './close-all.ts';

/** A server that was found or started. */
export interface FoundServer {
  readonly url: string;
  /** Which one it is, for people to read. */
  readonly origin: string;
}

/** Finds or starts a server, and adds to `closers` how to end what was started. */
export async function findServer(kind: ServerKind, closers: Closer[]): Promise<FoundServer> {
  const servers = await provideServers([kind]);
  closers.push(() => servers.close());
  return { url: Object.values(servers.env).join(), origin: servers.origins.join().replace(':', ',') };
}
