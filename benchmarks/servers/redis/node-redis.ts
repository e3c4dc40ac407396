import { type Contestant, EXPIRATION_IN_SECONDS, type OpenContestant, type Place } from '../contestant.ts';

const LIFETIME = { expiration: { type: 'EX', value: EXPIRATION_IN_SECONDS } } as const;

/** node-redis with nothing on top but JSON. `commandOptions` are the client's own. */
async function open({ url, namespace }: Place, commandOptions: { timeout?: number }): Promise<OpenContestant> {
  const { createClient } = await import('redis');
  const client = createClient({ url, commandOptions });
  client.on('error', () => {});
  await client.connect();
  return {
    get: async (key) => {
      const text = await client.get(`${namespace}:${key}`);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, value) => client.set(`${namespace}:${key}`, JSON.stringify(value), LIFETIME),
    close: () => client.close(),
  };
}

const timeoutOff: Pick<Contestant, 'kind' | 'packages' | 'open'> = {
  kind: 'raw',
  packages: ['redis'],
  open: (place) => open(place, { timeout: 0 }),
};

export const nodeRedis: Contestant = {
  name: 'node-redis',
  kind: 'raw',
  notes: ['as shipped: each command carries an abort timer of 5 s'],
  packages: ['redis'],
  open: (place) => open(place, {}),
};

export const nodeRedisTimeoutOff: Contestant = {
  ...timeoutOff,
  name: 'node-redis, timeout off',
  notes: ['`commandOptions: { timeout: 0 }`: a call that the server never answers stays pending for ever'],
};

export const nodeRedisTimeoutOffAgain: Contestant = {
  ...timeoutOff,
  name: 'node-redis, timeout off (again)',
  notes: ['the baseline a second time, in a process of its own: how far it is from 1.00 is the noise of this run'],
};
