/**
 * Puts a canary into every value and password there is, fails in every way there is, and prints all that the application
 * gets to see: `canaries.ts <port> <password with canary> <value with canary>`.
 */
import { inspect } from 'node:util';
import { type CacheHooks, jsonSerializer } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { DEADLINES } from '../failures.ts';
import { answerQuestions } from './answer-questions.ts';

const [port = '', password = '', canary = ''] = process.argv.slice(2);
const url = `postgres://app:${password}@127.0.0.1:${port}/postgres`;

/** Everything that logging, serialising or walking over a thing can bring to light. */
function expose(thing: unknown, depth = 0): string {
  const parts = [inspect(thing, { showHidden: true, depth: 9, getters: true }), String(thing)];
  try {
    parts.push(JSON.stringify(thing) ?? '');
  } catch {}
  if (typeof thing === 'object' && thing !== null && depth < 4) {
    const names = Reflect.ownKeys(thing);
    if (thing instanceof Error) parts.push(thing.message, thing.stack ?? '', expose(thing.cause, depth + 1));
    for (const name of names)
      parts.push(String(name), expose((thing as Record<PropertyKey, unknown>)[name], depth + 1));
  }
  return parts.join('\n');
}

const seen: string[] = [];
const hooks: CacheHooks = Object.fromEntries(
  ['onHit', 'onMiss', 'onSet', 'onRemove', 'onError', 'onOperation'].map((name) => [
    name,
    (event: unknown) => void seen.push(expose(event)),
  ]),
);
const throwing: CacheHooks = {
  onSet: () => {
    throw new Error(canary);
  },
};

type Outcomes = Record<string, string>;

async function fail(outcomes: Outcomes, scene: string, call: () => unknown): Promise<void> {
  try {
    await call();
    outcomes[scene] = 'done';
  } catch (error) {
    outcomes[scene] = String((error as { code?: unknown }).code);
    seen.push(expose(error));
  }
}

process.on('warning', (warning) => seen.push(expose(warning)));
const cache = await DatabaseCache.connect(url, { ...DEADLINES, hooks: [hooks, throwing], maxValueBytes: 1_000 });
const quiet = await DatabaseCache.connect(url, DEADLINES);
const admin = openPool(url.replace(`app:${password}`, 'postgres'), { max: 1 });

/** Any write of a canary that a server in trouble has to refuse or to leave unanswered. */
const writes: Record<string, (cache: DatabaseCache) => Promise<unknown>> = {
  set: (cache) => cache.set('a', canary),
  'set with tags': (cache) => cache.set('a', canary, { tags: ['t'] }),
  mset: (cache) =>
    cache.mset([
      ['a', { [canary]: canary }],
      ['b', canary],
    ]),
  setWithNx: (cache) => cache.setWithNx('nx', canary),
  removeIfEquals: (cache) => cache.removeIfEquals('a', canary),
  setTtlIfEquals: (cache) => cache.setTtlIfEquals('a', canary, 10),
  fill: (cache) => cache.fill({ key: 'a', token: 'nobodygrantedit1' }, canary),
};

async function failAll(cache: DatabaseCache): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  for (const [scene, write] of Object.entries(writes)) await fail(outcomes, scene, () => write(cache));
  await fail(outcomes, 'get', () => cache.get('a'));
  return outcomes;
}

async function badUrls(): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  const connect = (address: string) => async () =>
    (await DatabaseCache.connect(address, { connectTimeoutMs: 20_000 })).close();
  await fail(outcomes, 'malformed', connect(`postgres://user:${password}@127.0.0.1:notaport`));
  await fail(outcomes, 'another protocol', connect(`http://user:${password}@127.0.0.1`));
  await fail(outcomes, 'an unknown database', connect(`${url}${canary}`));
  await fail(outcomes, 'refused', connect(url.replace(password, `${password}x`)));
  await fail(outcomes, 'an unknown user', connect(url.replace('//app:', `//app${canary}:`)));
  return outcomes;
}

async function badValues(): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  const cycle: Record<string, unknown> = { canary };
  cycle['self'] = cycle;
  const values: Record<string, unknown> = {
    'a BigInt': { canary, b: 1n },
    'a cycle': cycle,
    'a Map': new Map([[canary, canary]]),
    'a throwing toJSON': {
      toJSON() {
        throw new Error(canary);
      },
    },
    'a throwing getter': {
      get canary() {
        throw new Error(canary);
      },
    },
    'a function': Object.assign(() => canary, { canary }),
    'a symbol': Symbol(canary),
    'too large': canary.repeat(1_000),
  };
  for (const [scene, value] of Object.entries(values))
    await fail(outcomes, scene, () => cache.set('v', value as string));
  await fail(outcomes, 'in a batch', () =>
    cache.mset([
      ['good', 1],
      ['bad', { canary, b: 1n } as unknown as string],
    ]),
  );

  const json = jsonSerializer();
  const failing = await DatabaseCache.connect(url, {
    hooks,
    serializer: {
      format: 'json',
      serialize: (value) => {
        if (value === canary) throw Object.assign(new Error(canary), { canary });
        return json.serialize(value);
      },
      deserialize: (payload) => {
        throw Object.assign(new Error(payload), { payload, canary });
      },
    },
  });
  await fail(outcomes, 'a serializer that throws', () => failing.set('a', canary));
  await cache.set('foreign', canary);
  await fail(outcomes, 'a deserializer that throws', () => failing.get('foreign'));
  await failing.close();
  return outcomes;
}

async function badEntries(): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  await cache.set('text', canary);
  await fail(outcomes, 'increment', () => cache.increment('text'));
  await fail(outcomes, 'decrement', () => cache.decrement('text'));
  const inHex = (text: string): string => Buffer.from(text).toString('hex');
  for (const [scene, damage] of Object.entries({
    broken: `value = NULL, payload = decode('${inHex(`{"a":"${canary}`)}', 'hex')`,
    bare: `value = NULL, payload = decode('${inHex(canary)}', 'hex')`,
    collided: `plain_key = '${canary}'`,
  })) {
    const read = (name: string, call: () => Promise<unknown>) =>
      fail(outcomes, `${scene} ${name}`, async () => {
        await cache.set('corrupt', canary);
        await admin.unsafe(`UPDATE cache SET ${damage} WHERE plain_key = 'corrupt'`);
        await call();
      });
    await read('get', () => cache.get('corrupt'));
    await read('mget', () => cache.mget(['corrupt', 'text']));
    await read('getOrLease', () => cache.getOrLease('corrupt'));
    await read('inspect', () => cache.inspect('corrupt'));
    await read('increment', () => cache.increment('corrupt'));
  }
  return outcomes;
}

await answerQuestions({
  control: async () => {
    const raw: unknown[] = [];
    const attempts = [
      async () => new URL(`postgres://user:${password}@h:notaport`),
      async () => JSON.parse(canary),
      () => admin`SELECT ${canary}::text::jsonb`,
    ];
    for (const attempt of attempts) await attempt().catch((error: unknown) => raw.push(error));
    return raw.map((error) => expose(error).includes(password) || expose(error).includes(canary));
  },
  'bad urls': badUrls,
  'bad values': badValues,
  'bad entries': badEntries,
  'fail all': () => failAll(cache),
  'fail all without hooks': () => failAll(quiet),
  closed: async () => {
    seen.push(expose(cache), expose(quiet));
    await cache.close();
    await quiet.close();
    return failAll(cache);
  },
  seen: () => seen.splice(0),
});
await admin.end({ timeout: 0 });
