import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AsyncCache,
  type CacheItem,
  CacheUnavailableError,
  CacheValueError,
  type Expiration,
  expirationOf,
  hasErrorCode,
  isCacheItemValid,
  jsonSerializer,
  redactedCause,
  type SetOptions,
  validateKey,
  validateValue,
} from '@cache/core';

/** Keeps each item in a file of its own, so that it outlives the process. */
export class FileCache implements AsyncCache {
  readonly #folder: string;
  readonly #serializer = jsonSerializer();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get<T>(key: string): Promise<T | undefined> {
    const item = await this.#read('get', key);
    return item?.value as T | undefined;
  }

  async set(key: string, value: unknown, options?: Expiration | SetOptions): Promise<void> {
    const context = { operation: 'set', backend: 'file' };
    validateKey(key, context);
    validateValue(value, { ...context, key });
    const lifetime = expirationOf(options, 300, context);
    const expiresAt = lifetime === null ? null : Date.now() / 1000 + lifetime;
    const payload = this.#serialize(key, value);
    const draft = join(this.#folder, `${randomUUID()}.draft`);
    await this.#attempt('set', async () => {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(draft, `${JSON.stringify({ key, expiresAt })}\n${payload}`);
      await rename(draft, this.#file(key));
    });
  }

  async removeItem(key: string): Promise<boolean> {
    const item = await this.#read('removeItem', key);
    return (
      item !== undefined && (await this.#attempt('removeItem', () => unlink(this.#file(key)).then(() => true))) === true
    );
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#read('exists', key)) !== undefined;
  }

  async clear(): Promise<void> {
    await this.#attempt('clear', () => rm(this.#folder, { recursive: true, force: true }));
  }

  #file(key: string): string {
    return join(this.#folder, createHash('sha256').update(key).digest('hex'));
  }

  async #read(operation: string, key: string): Promise<CacheItem | undefined> {
    validateKey(key, { operation, backend: 'file' });
    const content = await this.#attempt(operation, () => readFile(this.#file(key), 'utf8'));
    const item = content === undefined ? undefined : this.#parse(content);
    return isCacheItemValid(item) ? item : undefined;
  }

  /** What was damaged, or is not ours, counts as not there: the next `set` replaces it. */
  #parse(content: string): CacheItem | undefined {
    const end = content.indexOf('\n');
    try {
      const { expiresAt } = JSON.parse(content.slice(0, end));
      return { expiresAt, value: this.#serializer.deserialize(content.slice(end + 1)) };
    } catch {
      return undefined;
    }
  }

  #serialize(key: string, value: unknown): string {
    const context = { operation: 'set', backend: 'file', key };
    try {
      return this.#serializer.serialize(value);
    } catch (error) {
      if (!hasErrorCode(error, 'ERR_CACHE_VALUE')) throw error;
      throw new CacheValueError(error.message, { ...context, path: error.path ?? '$' });
    }
  }

  /** A file that is not there is a miss; whatever else the file system says is an outage. */
  async #attempt<T>(operation: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new CacheUnavailableError('The file system refused.', {
        operation,
        backend: 'file',
        cause: redactedCause(error),
      });
    }
  }
}
