/** What is cached: `key` and `version` tell every answer apart, `body` is of mixed JSON types and fills it up to size. */
export interface SampleValue {
  readonly key: string;
  readonly version: number;
  readonly body: unknown;
}

/** The version of a value that was never overwritten. Seven digits, so that overwriting never changes the size. */
export const FIRST_VERSION = 1_000_000;

const BODIES_PER_SIZE = 16;
const SEED = 0x5eed;

/** Values of one size: the JSON text of each is `sizeBytes` long, to the byte. */
export class SampleValues {
  readonly keys: readonly string[];
  readonly #bodies: readonly unknown[];

  /** @throws RangeError when `sizeBytes` is too small to hold a value */
  constructor(sizeBytes: number, count: number) {
    this.keys = Array.from({ length: count }, (_, index) => `user-${sizeBytes}-${String(index).padStart(5, '0')}`);
    const random = pseudoRandom(SEED + sizeBytes);
    const envelopeBytes = JSON.stringify({ key: this.keys[0], version: FIRST_VERSION, body: 0 }).length - 1;
    this.#bodies = Array.from({ length: BODIES_PER_SIZE }, () => sampleBody(sizeBytes - envelopeBytes, random));
  }

  /** The value of the `index`-th key in a given version. */
  value(index: number, version: number): SampleValue {
    const key = this.keys[index];
    if (key === undefined) throw new RangeError(`There is no sample ${index}.`);
    return { key, version, body: this.#bodies[index % BODIES_PER_SIZE] };
  }
}

/** A profile with as many orders as fit, and a note that makes up the rest. */
function sampleBody(sizeBytes: number, random: () => number): unknown {
  const body = {
    name: words(2, random),
    age: 18 + Math.floor(random() * 60),
    active: random() < 0.5,
    score: Math.floor(random() * 1e4) / 100,
    roles: [words(1, random), words(1, random)],
    manager: null,
    orders: [] as unknown[],
    note: '',
  };
  for (;;) {
    const order = {
      sku: Math.floor(random() * 1e9),
      title: words(3, random),
      price: Math.floor(random() * 9e4) / 100,
      gift: random() < 0.1,
    };
    if (JSON.stringify(body).length + JSON.stringify(order).length + 1 > sizeBytes) break;
    body.orders.push(order);
  }
  const missingBytes = sizeBytes - JSON.stringify(body).length;
  if (missingBytes < 0) throw new RangeError(`A value of this shape needs ${-missingBytes} bytes more.`);
  body.note = words(missingBytes / 3, random).slice(0, missingBytes);
  return body;
}

const WORDS = ['amber', 'birch', 'copper', 'drift', 'ember', 'fjord', 'grove', 'harbour', 'indigo', 'juniper', 'kelp'];

function words(count: number, random: () => number): string {
  return Array.from({ length: Math.ceil(count) }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ');
}

/** Mulberry32: the same values in every run and every process. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
