import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { LatencyHistogram } from '@cache/core';

const REQUEST_LIMIT_MS = 30_000;

/** One request. */
export interface Call {
  readonly path: string;
  /** @default 'GET' */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** How a list of requests is sent. */
export interface LoadOptions {
  /** So many callers, each sending its next request when it has the answer to the last. */
  readonly concurrency: number;
  /**
   * Stop sending after this long; what was sent is still answered and counted.
   * @default when the list is through
   */
  readonly maxDurationMs?: number;
  /**
   * Begin the list again until this long has passed.
   * @default once through the list
   */
  readonly minDurationMs?: number;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a load did. */
export interface LoadResult {
  readonly requestCount: number;
  readonly durationMs: number;
  readonly latencies: LatencyHistogram;
}

/** Sends HTTP requests to one server over connections that stay open. */
export class LoadDriver {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = url;
  }

  /** @throws Error if the answer is not a success */
  async call({ path, method = 'GET', headers = {} }: Call): Promise<Reply> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
      const sent = request(new URL(path, this.#url), { agent: this.#agent, method, headers, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => {
          const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      sent.on('error', reject).end();
    });
    if (reply.status !== 200) throw new Error(`${method} ${path} was answered with ${reply.status}.`);
    return reply;
  }

  /** Sends GET requests for these paths in their order. */
  async drive(paths: readonly string[], options: LoadOptions): Promise<LoadResult> {
    const { concurrency, maxDurationMs = Number.POSITIVE_INFINITY, minDurationMs = 0, headers = {} } = options;
    const latencies = new LatencyHistogram();
    const startedAt = performance.now();
    let sentCount = 0;
    const caller = async (): Promise<void> => {
      for (;;) {
        const elapsedMs = performance.now() - startedAt;
        if (elapsedMs >= maxDurationMs || (sentCount >= paths.length && elapsedMs >= minDurationMs)) return;
        const path = paths[sentCount++ % paths.length] ?? '/';
        const sentAt = performance.now();
        await this.call({ path, headers });
        latencies.record(performance.now() - sentAt);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, caller));
    return { requestCount: latencies.count, durationMs: performance.now() - startedAt, latencies };
  }

  /** Ends the connections. */
  close(): void {
    this.#agent.destroy();
  }
}
