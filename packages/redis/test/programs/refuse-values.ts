import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonSerializer, jsonSerializer } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { createClient } from 'redis';
import { PATIENT } from '../patience.ts';

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

const [url = '', prefix = ''] = process.argv.slice(2);
const client = createClient({ url });
await client.connect();
const cache = new RedisCache(client, { prefix, serializer, ...PATIENT });

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
await client.close();
