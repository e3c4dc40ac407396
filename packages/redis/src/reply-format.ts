import type { RedisCommandOptions, RedisConnection } from './redis-client.ts';

/** How the strings of a reply are given. */
export type ReplyFormat = 'text' | 'bytes';

/** The options sent with every command, by the format of its reply. */
export type CommandOptions = Readonly<Record<ReplyFormat, RedisCommandOptions>>;

/** RESP's type of a bulk string, `$`. */
const BLOB_STRING = 36;

/**
 * `timeout: undefined` switches off the timer that node-redis 6 makes for each command: it costs more than the command
 * and ends with the write, so that a server that does not answer is not noticed.
 *
 * node-redis merges these into the client's own options for each command. One more property there costs a third of the
 * throughput of pipelined commands, so the type mapping is said only where the client has one of its own.
 */
const QUICK: CommandOptions = {
  text: { timeout: undefined },
  bytes: { timeout: undefined, typeMapping: { [BLOB_STRING]: Buffer } },
};

const EXPLICIT: CommandOptions = { ...QUICK, text: { timeout: undefined, typeMapping: {} } };

/** Where node-redis keeps what a client was created with, and what `withTypeMapping` changed. */
interface ConfiguredClient {
  readonly options?: { readonly commandOptions?: { readonly typeMapping?: object } };
  readonly _commandOptions?: { readonly typeMapping?: object };
}

/** The options for the commands of this client. */
export function commandOptionsFor(client: RedisConnection): CommandOptions {
  const { options, _commandOptions } = client as ConfiguredClient;
  const typeMapping = _commandOptions?.typeMapping ?? options?.commandOptions?.typeMapping;
  return typeMapping === undefined ? QUICK : EXPLICIT;
}

/** The options of a command that goes before everything that waits. */
export const URGENT: RedisCommandOptions = { timeout: undefined, typeMapping: {}, asap: true };
