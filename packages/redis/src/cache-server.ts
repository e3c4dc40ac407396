import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import { serverIdentity } from './server-identity.ts';

/** The calls that ask after the server. */
export class CacheServer {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
  }

  ping(): Promise<number> {
    const work = async (): Promise<number> => {
      const { batch, keys } = this.#parts;
      const startedAt = performance.now();
      const settings = { operation: 'ping', isWrite: false } as const;
      const masters = batch.nodes.masters();
      await Promise.all(masters.map((node) => batch.send(['PING'], { ...settings, key: keys.prefix, node })));
      return performance.now() - startedAt;
    };
    return this.#calls.run('ping', false, work);
  }

  serverIdentity(): Promise<string> {
    return this.#calls.run('ping', false, () => serverIdentity(this.#parts));
  }
}
