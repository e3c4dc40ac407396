import { connect, createServer, type Socket } from 'node:net';
import { waitUntil } from '@cache/test-servers';

/** One connection through {@link NumberedLinks}. */
interface NumberedLink {
  /** True until either end is gone. */
  readonly isOpen: boolean;
  /** How much of what the client wrote is being held back. */
  readonly heldBytes: number;
  /** What the client writes stays in the network from now on. */
  hold(): void;
  /** Nothing is taken from the client any more, so that it cannot write once the system's buffers are full. */
  stall(): void;
  /** The client sees its end reset; the server is not told. */
  reset(): void;
  /** What was held back reaches the server, and so does what follows. Resolves once the server has answered it, or has ended the connection. */
  deliver(): Promise<void>;
}

/** A network in front of a server that treats each connection on its own, numbered as they were made. */
export interface NumberedLinks extends AsyncDisposable {
  readonly url: string;
  readonly all: readonly NumberedLink[];
  /** True if what clients write over new connections stays in the network from the start. */
  holdsNew: boolean;
}

const LIMIT_MS = 30_000;

class Link implements NumberedLink {
  readonly #client: Socket;
  readonly #server: Socket;
  #held: Buffer[] | undefined;
  #hasAnswered = false;

  constructor(client: Socket, port: number) {
    this.#client = client;
    this.#server = connect({ port, host: '127.0.0.1', noDelay: true });
    client
      .on('error', () => {})
      .on('data', (chunk) => {
        if (this.#held === undefined) this.#server.write(chunk);
        else this.#held.push(chunk);
      })
      .once('close', () => {
        if (this.#held === undefined) this.#server.destroy();
      });
    this.#server
      .on('error', () => {})
      .on('data', (chunk) => {
        this.#hasAnswered = true;
        if (!client.destroyed) client.write(chunk);
      })
      // A link that holds back keeps what it has from the client's end, too.
      .once('close', () => {
        if (this.#held === undefined) client.destroy();
      });
  }

  get isOpen(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed;
  }

  get heldBytes(): number {
    return (this.#held ?? []).reduce((sum, chunk) => sum + chunk.length, 0);
  }

  hold(): void {
    this.#held = [];
  }

  stall(): void {
    this.hold();
    this.#client.pause();
  }

  reset(): void {
    this.#client.resetAndDestroy();
  }

  async deliver(): Promise<void> {
    this.#hasAnswered = false;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const chunk of held) if (!this.#server.destroyed) this.#server.write(chunk);
    await waitUntil('The server’s answer', LIMIT_MS, () => this.#hasAnswered || this.#server.destroyed);
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}

/** Starts such a network in front of the Redis on `targetPort`. */
export async function startNumberedLinks(targetPort: number): Promise<NumberedLinks> {
  const links: Link[] = [];
  const listener = createServer({ noDelay: true }, (client) => {
    const link = new Link(client, targetPort);
    links.push(link);
    if (network.holdsNew) link.hold();
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP listener has a port.');
  const network: NumberedLinks = {
    url: `redis://127.0.0.1:${address.port}`,
    all: links,
    holdsNew: false,
    async [Symbol.asyncDispose]() {
      for (const link of links) link.end();
      await new Promise((done) => listener.close(done));
    },
  };
  return network;
}
