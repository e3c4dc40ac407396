/** From here on one `Map` is split: a `Map` of 256k entries takes about 15 ms to rehash, one of a million 60 ms and more. */
const SHARDING_THRESHOLD = 1 << 18;
const SHARDS = 64;

/**
 * The slot of each key. Large caches use several maps, so that growing or compacting one, which V8 does in one go, stays short.
 */
export class KeyIndex {
  readonly #map: Map<string, number> = new Map();
  readonly #shards: Map<string, number>[] | undefined;

  constructor(expectedItems: number) {
    if (expectedItems >= SHARDING_THRESHOLD) this.#shards = Array.from({ length: SHARDS }, () => new Map());
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

/** The last characters vary most; three of them spread decimal and hexadecimal endings evenly enough over 64 shards. */
function shardOf(key: string): number {
  const length = key.length;
  let hash = length > 0 ? key.charCodeAt(length - 1) : 0;
  if (length > 1) hash = hash * 31 + key.charCodeAt(length - 2);
  if (length > 2) hash = hash * 31 + key.charCodeAt(length - 3);
  return (hash ^ (hash >>> 6)) & (SHARDS - 1);
}
