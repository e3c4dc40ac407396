import { connect, createServer, type Server as Listener, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** A TCP proxy on the loopback address in front of one port, which can be told to misbehave as networks do. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections it has accepted so far. */
  readonly accepted: number;
  /** How many connections are open now. */
  readonly open: number;
  /** How often a reply has vanished so far. */
  readonly lostReplies: number;
  /** `url` with this proxy's host and port in place of its own. */
  urlFor(url: string): string;
  /** Replies arrive `ms` later, in order. */
  latency(ms: number): void;
  /** Nothing passes in either direction, and nobody is told; new connections are accepted. `restore()` delivers what was held back. */
  blackhole(): void;
  /** Requests reach the server and are carried out; replies vanish. `restore()` resets the connections that lost one. */
  dropReplies(): void;
  /** Requests reach the server and are carried out; instead of the reply, the client sees its connection reset. */
  cutAfterRequest(): void;
  /** So many bytes of replies arrive, and then none. `restore()` delivers what was held back. */
  stallReplies(afterBytes: number): void;
  /** Resets every open connection, once; new ones are welcome. */
  reset(): void;
  /** Resets every open connection and refuses new ones. */
  refuse(): Promise<void>;
  /** The server's end of every open connection is gone and the client is not told; new connections are welcome. */
  halfOpen(): void;
  /** Back to a proxy that only passes on. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

type Mode = 'pass' | 'blackhole' | 'dropReplies' | 'cutAfterRequest';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  hasLostReplies: boolean;
  isHalfOpen: boolean;
}

class FaultyProxy implements TcpProxy {
  readonly port: number;
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  #listener: Listener | undefined;
  #mode: Mode = 'pass';
  #latencyMs = 0;
  #bytesToPass = Number.POSITIVE_INFINITY;
  #accepted = 0;
  #lostReplies = 0;

  constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get lostReplies(): number {
    return this.#lostReplies;
  }

  get open(): number {
    return this.#links.size;
  }

  urlFor(url: string): string {
    const address = new URL(url);
    address.hostname = '127.0.0.1';
    address.port = `${this.port}`;
    return address.href;
  }

  latency(ms: number): void {
    this.#latencyMs = ms;
  }

  blackhole(): void {
    this.#mode = 'blackhole';
    for (const link of this.#links) hold(link);
  }

  dropReplies(): void {
    this.#mode = 'dropReplies';
  }

  cutAfterRequest(): void {
    this.#mode = 'cutAfterRequest';
  }

  stallReplies(afterBytes: number): void {
    this.#bytesToPass = afterBytes;
  }

  reset(): void {
    for (const link of [...this.#links]) this.#cut(link);
  }

  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = new Promise<void>((done) => (listener === undefined ? done() : listener.close(() => done())));
    this.reset();
    await closed;
  }

  halfOpen(): void {
    for (const link of this.#links) {
      link.isHalfOpen = true;
      link.server.destroy();
    }
  }

  async restore(): Promise<void> {
    this.#mode = 'pass';
    this.#latencyMs = 0;
    this.#bytesToPass = Number.POSITIVE_INFINITY;
    for (const link of [...this.#links]) {
      if (link.hasLostReplies || link.isHalfOpen) this.#cut(link);
      else letPass(link);
    }
    if (this.#listener === undefined) await this.listen();
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  listen(): Promise<void> {
    const listener = createServer({ noDelay: true }, (client) => this.#accept(client));
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.port, '127.0.0.1', () => {
        this.#listener = listener;
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    const link: Link = { client, server, hasLostReplies: false, isHalfOpen: false };
    this.#links.add(link);
    client.on('data', (chunk) => {
      if (!link.isHalfOpen && !server.destroyed) server.write(chunk);
    });
    let replies: Promise<void> = Promise.resolve();
    const inOrder = (step: () => void): void => {
      const dueAt = performance.now() + this.#latencyMs;
      replies = replies.then(() => sleepUntil(dueAt)).then(step);
    };
    server.on('data', (chunk) => {
      if (this.#mode === 'dropReplies') {
        link.hasLostReplies = true;
        this.#lostReplies += 1;
      } else if (this.#mode === 'cutAfterRequest') this.#cut(link);
      else if (chunk.length > this.#bytesToPass) {
        const passing = chunk.subarray(0, this.#bytesToPass);
        this.#bytesToPass = 0;
        hold(link);
        server.unshift(chunk.subarray(passing.length));
        if (passing.length > 0) inOrder(() => void (client.destroyed || client.write(passing)));
      } else {
        this.#bytesToPass -= chunk.length;
        inOrder(() => void (client.destroyed || client.write(chunk)));
      }
    });
    client.on('error', () => {}).once('close', () => this.#end(link));
    server
      .on('error', () => {})
      .once('close', () => {
        if (!link.isHalfOpen) inOrder(() => client.destroySoon());
      });
    if (this.#mode === 'blackhole') hold(link);
  }

  #cut(link: Link): void {
    link.client.resetAndDestroy();
    this.#end(link);
  }

  #end(link: Link): void {
    this.#links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }
}

function hold(link: Link): void {
  link.client.pause();
  link.server.pause();
}

function letPass(link: Link): void {
  link.client.resume();
  link.server.resume();
}

async function sleepUntil(dueAt: number): Promise<void> {
  const ms = dueAt - performance.now();
  if (ms > 0) await new Promise((done) => setTimeout(done, ms));
}

/** Starts a proxy in front of `targetPort`. It passes everything on until it is told otherwise. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new FaultyProxy(await freePort(), targetPort);
  await proxy.listen();
  return proxy;
}
