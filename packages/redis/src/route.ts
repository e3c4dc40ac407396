import type { ConnectionWatch } from './connection-watch.ts';
import type { CommandTarget, StandaloneClient } from './redis-client.ts';
import type { CommandOptions } from './reply-format.ts';

/** Over which connection commands go, and how they are said there. */
export interface Route<Client extends CommandTarget = CommandTarget> {
  readonly client: Client;
  readonly options: CommandOptions;
  readonly watch: ConnectionWatch;
}

/** The way over a client of node-redis. */
export type ClientRoute = Route<StandaloneClient>;
