/** From here on one `Map` becomes 64: V8 rehashes a `Map` in one go, and small ones at different times. */
const SHARDING_THRESHOLD = 1 << 18;
const SHARD_BITS = 6;

/**
 * The slot of each key. Large caches use several maps, so that growing or compacting one, which V8 does in one go, stays short.
 */
export class KeyIndex {
  readonly #map: Map<string, number> = new Map();
  readonly #shards: Map<string, number>[] | undefined;

  constructor(expectedItems: number) {
    if (expectedItems >= SHARDING_THRESHOLD) this.#shards = Array.from({ length: 2 ** SHARD_BITS }, () => new Map());
  }

  get(key: string): number | undefined {
    return this.#shards === undefined
      ? this.#map.get(key)
      : (this.#shards[shardOf(key)] as Map<string, number>).get(key);
  }

  set(key: string, slot: number): void {
    if (this.#shards === undefined) this.#map.set(key, slot);
    else (this.#shards[shardOf(key)] as Map<string, number>).set(key, slot);
  }

  delete(key: string): void {
    if (this.#shards === undefined) this.#map.delete(key);
    else (this.#shards[shardOf(key)] as Map<string, number>).delete(key);
  }

  clear(): void {
    this.#map.clear();
    if (this.#shards !== undefined) for (const shard of this.#shards) shard.clear();
  }
}

/** Characters that choose the shard, from the end, where keys differ most. */
const SHARDING_LENGTH = 8;

/** Even enough that the shards of a full cache outgrow their tables together: FNV-1a's step, and its highest bits. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = Math.max(0, key.length - SHARDING_LENGTH); i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return Math.imul(hash, 0x7feb352d) >>> (32 - SHARD_BITS);
}
