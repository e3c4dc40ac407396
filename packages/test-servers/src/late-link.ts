import { connect, createServer, type Socket } from 'node:net';
import { waitUntil } from './wait-until.ts';

/** A network whose packets survive the sender: what a client has written arrives at the server even after the client is gone. */
export interface LateLink extends AsyncDisposable {
  readonly port: number;
  /** How much is being held back. */
  readonly heldBytes: number;
  /** From now on, what open connections write stays in the network. New connections are not affected. */
  holdRequests(): void;
  /** Open connections end for the clients, as if a firewall had reset them; the server is not told. */
  dropClients(): void;
  /** What was held back reaches the server. Resolves once the server has answered it, or has ended those connections. */
  deliverHeld(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  held: Buffer[] | undefined;
  hasAnswered: boolean;
}

const DELIVERY_LIMIT_MS = 30_000;

/** Starts such a network in front of `targetPort`. */
export async function startLateLink(targetPort: number): Promise<LateLink> {
  const links: Link[] = [];
  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const link: Link = { client, server, held: undefined, hasAnswered: false };
    links.push(link);
    client
      .on('error', () => {})
      .on('data', (chunk) => {
        if (link.held === undefined) server.write(chunk);
        else link.held.push(chunk);
      });
    server
      .on('error', () => {})
      .on('data', (chunk) => {
        link.hasAnswered = true;
        if (!client.destroyed) client.write(chunk);
      });
    server.once('close', () => client.destroy());
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP listener has a port.');
  const holding = (): Link[] => links.filter(({ held }) => held !== undefined && held.length > 0);
  return {
    port: address.port,
    get heldBytes() {
      return links.flatMap(({ held }) => held ?? []).reduce((sum, chunk) => sum + chunk.length, 0);
    },
    holdRequests() {
      for (const link of links) if (!link.server.destroyed) link.held = [];
    },
    dropClients() {
      for (const { client } of holding()) client.resetAndDestroy();
    },
    async deliverHeld() {
      for (const link of holding()) {
        link.hasAnswered = false;
        for (const chunk of link.held ?? []) if (!link.server.destroyed) link.server.write(chunk);
      }
      await waitUntil('The late requests being answered or refused', DELIVERY_LIMIT_MS, () =>
        holding().every(({ server, hasAnswered }) => hasAnswered || server.destroyed),
      );
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of links) {
        client.destroy();
        server.destroy();
      }
      await new Promise((done) => listener.close(done));
    },
  };
}
