import type { AsyncCache } from '@cache/core';

export interface User {
  readonly name: string;
  readonly email: string;
}

/** Where users are kept: slow, and always right. */
export interface UserStore {
  find(id: string): Promise<User | undefined>;
  save(id: string, user: User): Promise<void>;
}

const USER_EXPIRATION_IN_SECONDS = 600;

/**
 * Cache-aside: look in the cache, load what is missing, store it; after a change, remove it.
 *
 * Simple, and with two weaknesses: callers who miss together load together, and a load that a change overtakes stores
 * what it read before. Where that matters, `getOrSet` of `@cache/stack` is one call and has neither.
 */
export class UserDirectory {
  readonly #cache: AsyncCache;
  readonly #store: UserStore;

  constructor(cache: AsyncCache, store: UserStore) {
    this.#cache = cache;
    this.#store = store;
  }

  async find(id: string): Promise<User | undefined> {
    const key = `user:${id}`;
    const cached = await this.#cache.get<User>(key);
    if (cached !== undefined) return cached;
    const user = await this.#store.find(id);
    if (user !== undefined) await this.#cache.set(key, user, USER_EXPIRATION_IN_SECONDS);
    return user;
  }

  async save(id: string, user: User): Promise<void> {
    await this.#store.save(id, user);
    await this.#cache.removeItem(`user:${id}`);
  }
}
