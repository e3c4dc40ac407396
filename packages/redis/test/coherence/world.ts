import { type RedisArgument, RedisCache, type RedisClient } from '@cache/redis';
import { uniqueName } from '@cache/test-servers';
import { PATIENT } from '../patience.ts';
import type { Ground, Stepping } from './ground.ts';
import { type Actor, atRest } from './stepping-client.ts';

/** A value as it was loaded from the database, or set. */
export interface Versioned {
  readonly version: number;
  /** A plain set of an older version after a newer invalidation is outside the promise: two writers may arrive in either order. */
  readonly isSet?: true;
}

export const KEY = 'item';
export const TAG = 'tag';

let worldCount = 0;

/**
 * One database, one cache in a real Redis, and actors who use it, each through a cache and a connection of its own.
 *
 * The promise that is checked after each step: a `get` shows no version older than that of the last invalidation that
 * was acknowledged.
 */
export class World {
  readonly prefix: string;
  readonly direct: RedisCache<Versioned>;
  readonly actors: Actor[] = [];
  readonly #ground: Ground;
  version = 1;
  acknowledgedVersion = 0;
  violation: string | undefined;
  readonly #calls: Promise<unknown>[] = [];
  readonly #history: string[] = [];

  constructor(ground: Ground, name: string) {
    worldCount += 1;
    this.prefix = `${name}_${worldCount}:`;
    this.#ground = ground;
    this.direct = this.cacheOn(ground.client);
  }

  cacheOn(client: RedisClient): RedisCache<Versioned> {
    return new RedisCache<Versioned>(client, { prefix: this.prefix, ...PATIENT });
  }

  get tagsKey(): string {
    return `${this.prefix}\0tags`;
  }

  /** Sends at once a command about this key. */
  send(key: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#ground.send(key, args);
  }

  /** Lets an actor begin. */
  begin(name: string, act: (cache: RedisCache<Versioned>, client: Stepping) => Promise<void>): void {
    const client = this.#ground.stepping();
    this.actors.push(...client.actors);
    this.#calls.push(
      act(this.cacheOn(client), client).then(
        () => this.note(`${name} is done`),
        (error: unknown) => {
          this.violation ??= `${name} failed: ${String(error)}`;
        },
      ),
    );
  }

  note(what: string): void {
    this.#history.push(what);
  }

  /** Compares what everybody sees now with what was acknowledged. */
  async check(): Promise<void> {
    if (this.acknowledgedVersion === 0 || this.violation !== undefined) return;
    const acknowledged = this.acknowledgedVersion;
    this.judge('get', await this.direct.get(KEY), acknowledged);
  }

  judge(what: string, value: Versioned | undefined, acknowledged: number): void {
    if (value === undefined || value.isSet === true || value.version >= acknowledged) return;
    this.violation ??= `${what} shows version ${value.version} after ${acknowledged} was acknowledged: ${this.#history.join(', ')}`;
  }

  /** When all actors have come to rest. */
  async end(): Promise<void> {
    await Promise.all(this.#calls);
    for (const key of [`${this.prefix}${KEY}`, this.tagsKey]) await this.send(key, ['UNLINK', key]);
  }
}

/** A name for the worlds of one test file. */
export const worldName: string = uniqueName('orders');

export { atRest };
