import type { Random } from '../random.ts';
import { EXACT_VALUES, STRINGS } from '../rules/sample-values.ts';
import type { KeptKinds } from '../serializer-options.ts';
import { KIND_SAMPLES } from './kind-samples.ts';

const NAMES = ['a', 'b', '', '0', '-0', '__proto__', 'constructor', 'toString', '$date', '$rich:Date', 'a.b', 'é'];
const MAX_DEPTH = 4;

/** Those that hold others are made anew; the stack of an Error is not for everyone to keep. */
const NO_LEAVES: ReadonlySet<keyof KeptKinds> = new Set(['map', 'set', 'error', 'cycle']);

/** Any value that JSON holds, with what else is of these kinds within it. */
export function randomValue(random: Random, kinds: readonly (keyof KeptKinds)[], depth = 0): unknown {
  const member = (): unknown => randomValue(random, kinds, depth + 1);
  const members = (): unknown[] => Array.from({ length: random.below(5) }, member);
  switch (depth < MAX_DEPTH ? random.below(9) : 8) {
    case 0:
    case 1:
      return members();
    case 2:
    case 3:
      // `Object.fromEntries` makes a property of `__proto__` too.
      return Object.fromEntries(members().map((value) => [random.one(NAMES), value]));
    case 4:
      return kinds.includes('map') ? new Map(members().map((value) => [member(), value])) : members();
    case 5:
      return kinds.includes('set') ? new Set(members()) : members();
    default:
      return randomLeaf(random, kinds);
  }
}

function randomLeaf(random: Random, kinds: readonly (keyof KeptKinds)[]): unknown {
  const leaves = kinds.filter((kind) => !NO_LEAVES.has(kind));
  switch (random.below(leaves.length > 0 ? 8 : 5)) {
    case 0:
      return random.below(2 ** 31) - 2 ** 30;
    case 1:
      return randomDouble(random);
    case 2:
      return randomText(random);
    case 3:
      return random.one(SHORT_STRINGS);
    case 4:
      return random.one(SMALL_VALUES);
    case 5:
      return randomOfKind(random, random.one(leaves));
    default:
      return random.one(KIND_SAMPLES[random.one(leaves)]);
  }
}

const MAX_SHORT = 100;
const SHORT_STRINGS = STRINGS.filter(({ length }) => length <= MAX_SHORT);
const SMALL_VALUES = [null, ...EXACT_VALUES.filter((value) => JSON.stringify(value).length <= MAX_SHORT)];

/** Any bits that are a finite number. */
function randomDouble(random: Random): number {
  const number = new DataView(random.bytes(8).buffer as ArrayBuffer).getFloat64(0);
  return Number.isFinite(number) ? number : 0.1;
}

function randomText(random: Random): string {
  const units = Array.from({ length: random.below(40) }, () => {
    const point = random.below(2) === 0 ? random.below(0x80) : random.below(0x10_ffff + 1);
    return point >= 0xd800 && point < 0xe000 ? '\ufffd' : String.fromCodePoint(point);
  });
  return units.join('');
}

function randomOfKind(random: Random, kind: keyof KeptKinds): unknown {
  switch (kind) {
    case 'date':
      return new Date(random.below(2 ** 31) * 1_000 + random.below(1_000) - 2 ** 40);
    case 'bigint':
      return random.bytes(1 + random.below(40)).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) - 2n ** 100n;
    case 'uint8Array':
      return random.bytes(random.below(300));
    case 'buffer':
      return Buffer.from(random.bytes(random.below(300)));
    case 'typedArray':
      return new Float64Array(random.bytes(8 * random.below(10)).buffer);
    default:
      return random.one(KIND_SAMPLES[kind]);
  }
}
