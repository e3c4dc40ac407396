import { type Server, settle } from '@cache/test-servers';
import { createClient } from 'redis';

const LIMIT_MS = 30_000;

/** A connection of its own to a server under test, to set it up, to break it and to look at what really happened. */
export interface Administrator extends AsyncDisposable {
  /** Sends one command; rejects with what the server says, or after half a minute. */
  send(...command: (string | Buffer)[]): Promise<unknown>;
  /** How often the server has run a command, such as `get` or `client|kill`, since it started, or since `CONFIG RESETSTAT`. */
  callsOf(command: string): Promise<number>;
}

/** Connects to `server` as an administrator. `password` is the default user's, where it has one. */
export async function administer(server: Pick<Server, 'port'>, password?: string): Promise<Administrator> {
  const client = createClient({
    socket: { host: '127.0.0.1', port: server.port, reconnectStrategy: false },
    ...(password === undefined ? {} : { password }),
  });
  client.on('error', () => {});
  const connected = await settle(client.connect(), LIMIT_MS);
  if (connected.state === 'rejected') throw connected.reason;
  const send = async (...command: (string | Buffer)[]): Promise<unknown> => {
    const reply = await settle(client.sendCommand(command), LIMIT_MS);
    if (reply.state === 'rejected') throw reply.reason;
    return reply.value;
  };
  return {
    send,
    async callsOf(command) {
      const statistics = String(await send('INFO', 'commandstats'));
      const line = new RegExp(`^cmdstat_${command.toLowerCase().replace('|', '\\|')}:calls=(\\d+)`, 'm').exec(
        statistics,
      );
      return Number(line?.[1] ?? 0);
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}
