import { isDeepStrictEqual } from 'node:util';
import type { OpenContestant } from './contestant.ts';
import { FIRST_VERSION, SampleValues } from './sample-values.ts';
import type { Slice, Workload } from './workload.ts';

/** A contestant gave back something else than was stored: it has no speed to speak of. */
export class WrongAnswerError extends Error {
  override readonly name = 'WrongAnswerError';
}

/** At least this many calls by each worker, so that a slice of slow calls is not one single wave of them. */
const CALLS_PER_WORKER = 4;
/** Enough for every contestant to finish that at concurrency 512 on a slow machine; beyond it the slice just ends. */
const LONGEST_SLICE_MS = 1_200;
/** How many values are compared in full after each slice. */
const COMPARED_IN_FULL = 8;

/**
 * Drives a contestant with a fixed number of workers, each of which makes its next call when its last one has settled.
 * Every worker has keys of its own, so that it knows what each `get` must answer, and every answer is checked.
 */
export class ClosedLoop {
  readonly #cache: OpenContestant;
  readonly #values: SampleValues;
  readonly #versions: Int32Array;

  private constructor(cache: OpenContestant, values: SampleValues) {
    this.#cache = cache;
    this.#values = values;
    this.#versions = new Int32Array(values.keys.length).fill(FIRST_VERSION);
  }

  /** Stores `keyCount` values and compares each of them in full. */
  static async fill(cache: OpenContestant, sizeBytes: number, keyCount: number): Promise<ClosedLoop> {
    const loop = new ClosedLoop(cache, new SampleValues(sizeBytes, keyCount));
    const workers = 16;
    await Promise.all(
      Array.from({ length: workers }, async (_, first) => {
        for (let index = first; index < keyCount; index += workers) {
          await cache.set(loop.#key(index), loop.#values.value(index, FIRST_VERSION));
          await loop.#compareInFull(index);
        }
      }),
    );
    return loop;
  }

  /**
   * One slice: as long again that is not counted, since the processors have run other processes in between, then calls for at
   * least `durationMs`, then a look at what is stored now.
   */
  async measure({ operation, concurrency }: Workload, durationMs: number): Promise<Slice> {
    await this.#run(operation, concurrency, durationMs, concurrency);
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const calls = await this.#run(operation, concurrency, durationMs, CALLS_PER_WORKER * concurrency);
    const elapsedMs = performance.now() - startedAt;
    const cpu = process.cpuUsage(cpuBefore);
    const step = Math.max(1, Math.floor(this.#versions.length / COMPARED_IN_FULL));
    for (let index = 0; index < this.#versions.length; index += step) await this.#compareInFull(index);
    return { calls, elapsedMs, cpuMs: (cpu.user + cpu.system) / 1_000 };
  }

  /** Calls without a measurement, until the compiler has seen enough of them. */
  async warmUp({ operation, concurrency }: Workload, calls: number): Promise<void> {
    await this.#run(operation, concurrency, 0, calls);
  }

  async #run(
    operation: Workload['operation'],
    concurrency: number,
    durationMs: number,
    fewestCalls: number,
  ): Promise<number> {
    const startedAt = performance.now();
    const end = startedAt + durationMs;
    const latestEnd = startedAt + LONGEST_SLICE_MS;
    let calls = 0;
    let failed = false;
    const work = async (worker: number): Promise<void> => {
      let index = worker;
      for (
        let now = startedAt;
        !failed && (now < end || (calls < fewestCalls && now < latestEnd));
        now = performance.now()
      ) {
        if (operation === 'get') this.#checkIdentity(index, await this.#cache.get(this.#key(index)));
        else await this.#cache.set(this.#key(index), this.#nextValue(index));
        calls++;
        index += concurrency;
        if (index >= this.#versions.length) index = worker;
      }
    };
    const workers = Array.from({ length: concurrency }, (_, worker) =>
      work(worker).catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    );
    await Promise.all(workers);
    return calls;
  }

  #key(index: number): string {
    return this.#values.keys[index] as string;
  }

  #version(index: number): number {
    return this.#versions[index] as number;
  }

  #nextValue(index: number): ReturnType<SampleValues['value']> {
    const version = this.#version(index) + 1;
    this.#versions[index] = version;
    return this.#values.value(index, version);
  }

  #checkIdentity(index: number, answer: unknown): void {
    const { key, version } = (answer ?? {}) as { key?: unknown; version?: unknown };
    if (key === this.#key(index) && version === this.#version(index)) return;
    throw new WrongAnswerError(
      `get('${this.#key(index)}') answered ${answer == null ? answer : `version ${version} of '${key}'`}, not version ${this.#version(index)}.`,
    );
  }

  async #compareInFull(index: number): Promise<void> {
    const answer = await this.#cache.get(this.#key(index));
    this.#checkIdentity(index, answer);
    if (!isDeepStrictEqual(answer, this.#values.value(index, this.#version(index)))) {
      throw new WrongAnswerError(`get('${this.#key(index)}') answered another body than the one stored.`);
    }
  }
}
