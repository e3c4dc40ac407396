import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonSerializer, jsonSerializer } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import postgres from 'postgres';

/** Values that a serializer refuses late, in calls that wait for each other. */
const json = jsonSerializer();
const serializer: JsonSerializer = {
  format: 'json',
  serialize: async (value) => {
    await sleep(value === 'slow' ? 20 : 0);
    if (value === 'bad') throw new Error('canary');
    return json.serialize(value);
  },
  deserialize: (payload) => json.deserialize(payload),
};

const [url = '', schema = '', namespace = ''] = process.argv.slice(2);
const sql = postgres(url, { max: 4 });
const patient = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
const cache = new DatabaseCache(sql, { schema, namespace, serializer, ...patient });

for await (const _ of createInterface({ input: process.stdin })) {
  const outcomes = await Promise.allSettled([
    cache.set('k', 'slow'),
    cache.set('k', 'bad'),
    cache.setWithNx('k', 'bad'),
    cache.removeIfEquals('k', 'bad'),
    cache.mset([
      ['a', 'slow'],
      ['b', 'bad'],
      ['c', 'bad'],
    ]),
    // Refused long before its turn.
    cache.mset([['k', 'bad']]),
    cache.get('k'),
    cache.get('a'),
  ]);
  const answers = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : outcome.value));
  console.log(JSON.stringify(answers.map((answer) => answer ?? 'nothing')));
}
await sql.end();
