import type { Store, StoreWriteContext } from '@cache/stack';

/** A store in memory that remembers its calls, and whose writes can be held up or made to fail. */
export class RecordingStore implements Store<unknown> {
  readonly values = new Map<string, unknown>();
  /** Every write that was carried out, in order. */
  readonly written: (readonly [key: string, value: unknown])[] = [];
  loads = 0;
  /** Called before each write is carried out; what it throws is what the store throws. */
  before: (key: string, context: StoreWriteContext) => Promise<void> | void = () => {};
  /** Called before each load reads. */
  beforeLoad: () => Promise<void> | void = () => {};
  /** Called after a load has read, before it answers. */
  afterLoad: () => Promise<void> | void = () => {};

  async load(key: string): Promise<unknown> {
    this.loads += 1;
    await this.beforeLoad();
    const value = this.values.get(key);
    await this.afterLoad();
    return value;
  }

  async write(key: string, value: unknown, context: StoreWriteContext): Promise<void> {
    await this.before(key, context);
    this.apply(key, value);
  }

  async remove(key: string, context: StoreWriteContext): Promise<void> {
    await this.before(key, context);
    this.apply(key, undefined);
  }

  apply(key: string, value: unknown): void {
    this.written.push([key, value]);
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
  }
}

/** A store that takes many in one call, all or none. */
export class BatchingStore extends RecordingStore {
  readonly batches: (readonly string[])[] = [];

  async loadMany(keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    this.loads += 1;
    return new Map(keys.map((key) => [key, this.values.get(key)]));
  }

  async writeMany(entries: readonly (readonly [string, unknown])[], context: StoreWriteContext): Promise<void> {
    this.batches.push(entries.map(([key]) => key));
    for (const [key] of entries) await this.before(key, context);
    for (const [key, value] of entries) this.apply(key, value);
  }

  async removeMany(keys: readonly string[], context: StoreWriteContext): Promise<void> {
    this.batches.push(keys);
    for (const key of keys) await this.before(key, context);
    for (const key of keys) this.apply(key, undefined);
  }
}

/** An error as PostgreSQL's driver gives it. */
export function refusal(): Error {
  return Object.assign(new Error('violates check constraint'), { code: '23514' });
}

/** Something to wait for that the test opens. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
