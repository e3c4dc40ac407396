import { type Contestant, EXPIRATION_IN_SECONDS, type OpenContestant, type Place } from '../contestant.ts';

async function open({ url, namespace }: Place, enableAutoPipelining: boolean): Promise<OpenContestant> {
  const { Redis } = await import('ioredis-6');
  const client = new Redis(url, { enableAutoPipelining, lazyConnect: true });
  client.on('error', () => {});
  await client.connect();
  return {
    get: async (key) => {
      const text = await client.get(`${namespace}:${key}`);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, value) => client.set(`${namespace}:${key}`, JSON.stringify(value), 'EX', EXPIRATION_IN_SECONDS),
    close: () => client.quit(),
  };
}

export const ioredis: Contestant = {
  name: 'ioredis',
  kind: 'raw',
  notes: [],
  packages: ['ioredis-6'],
  open: (place) => open(place, false),
};

export const ioredisAutoPipelining: Contestant = {
  name: 'ioredis, auto-pipelining',
  kind: 'raw',
  notes: ['`enableAutoPipelining: true`'],
  packages: ['ioredis-6'],
  open: (place) => open(place, true),
};
