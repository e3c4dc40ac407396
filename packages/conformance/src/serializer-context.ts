import { AssertionError } from 'node:assert';
import { Random } from './random.ts';
import type { KeptKinds, SerializerConformanceOptions } from './serializer-options.ts';
import { KIND_SAMPLES, KINDS } from './serializer-rules/kind-samples.ts';
import { randomValue } from './serializer-rules/random-value.ts';
import { TestedSerializer } from './tested-serializer.ts';

const DEFAULT_CALL_LIMIT_MS = 30_000;

const RANDOM_VALUES = 30;

/** What every serializer holds unless it is for particular values: long enough to be compressed, and of every shape. */
const PLAIN_SAMPLES: readonly unknown[] = [
  { id: 7, name: 'Ada', tags: ['a', 'é', ''], ratio: 0.5, none: null, yes: true, deep: [[{ er: -1 }]] },
  ['what repeats '.repeat(20), 'what repeats '.repeat(20), 1_234_567, 'end'],
];

/** What one rule works with. */
export class SerializerContext {
  readonly options: SerializerConformanceOptions;
  readonly random: Random;

  constructor(options: SerializerConformanceOptions, seed: number) {
    this.options = options;
    this.random = new Random(seed);
  }

  /** The kinds that the serializer is declared to keep. */
  get kept(): readonly (keyof KeptKinds)[] {
    return KINDS.filter((kind) => this.options.keeps?.[kind] === true);
  }

  async create(): Promise<TestedSerializer> {
    return new TestedSerializer(await this.options.create(), this.options.callLimitMs ?? DEFAULT_CALL_LIMIT_MS);
  }

  /** Values that it takes, each of which a damage of the payload can be told from: none is a mere number or word. */
  samples(): readonly unknown[] {
    if (this.options.values !== undefined) return this.options.values;
    const kinds = this.kept.filter((kind) => kind !== 'error');
    return [...PLAIN_SAMPLES, ...kinds.map((kind) => KIND_SAMPLES[kind])];
  }

  /** The samples and, unless it is for particular values, random ones, each of them an array. */
  manyValues(): readonly unknown[] {
    const samples = this.samples();
    if (this.options.values !== undefined) return samples;
    const random = Array.from({ length: RANDOM_VALUES }, () => [randomValue(this.random, this.kept)]);
    return [...samples, ...random];
  }

  /** Runs what must hold for every sample, and says of which it did not. */
  async forEachSample(check: (sample: unknown) => Promise<void>): Promise<void> {
    const samples = this.samples();
    if (samples.length === 0) throw new AssertionError({ message: 'values should have a value that it takes' });
    for (const sample of samples) await check(sample);
  }
}
