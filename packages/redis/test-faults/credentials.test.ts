import { RedisCache } from '@cache/redis';
import { type Server, settle, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, jest, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, callersClient, ownClient, PREFIX } from './cache-clients.ts';
import { failureOf, recovery } from './failures.ts';

const CONNECT_TIMEOUT_MS = 20_000;
const CONNECT_LIMIT_MS = 2 * CONNECT_TIMEOUT_MS;

function urlOf(server: Server, user: string, password: string): string {
  return `redis://${user}:${password}@127.0.0.1:${server.port}`;
}

describe('RedisCache.connect', () => {
  test.each([
    ['a wrong password', 'default:wrong@'],
    ['an unknown user', 'nobody:secret@'],
    ['no password', ''],
  ])('row 26: %s is refused as a configuration error', async (_, credentials) => {
    await using server = await startRedis({ args: ['--requirepass', 'secret'] });
    const connected = RedisCache.connect(`redis://${credentials}127.0.0.1:${server.port}`, {
      prefix: PREFIX,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    const outcome = await settle(connected, CONNECT_LIMIT_MS);
    expect(outcome).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_OPTION' } });
  });

  test.each(['redis://user:secret@host:notaport', 'http://127.0.0.1', 'not a url', ''])(
    'row 26: the URL %j is refused as a configuration error',
    async (url) => {
      await expect(RedisCache.connect(url, { prefix: PREFIX })).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    },
  );
});

describe(callersClient.client, () => {
  test('row 26: with a wrong password, every call says that the configuration is wrong', async () => {
    await using server = await startRedis({ args: ['--requirepass', 'secret'] });
    await using opened = await callersClient.openWhileDown(urlOf(server, 'default', 'wrong'));
    const { cache } = opened;
    await waitUntil('A get that names the configuration', 30_000, async () => {
      await failureOf(cache.get('a'), 'ERR_CACHE_OPTION');
      return true;
    });
    await using admin = await administer(server, 'secret');
    await admin.send('CONFIG', 'SET', 'requirepass', 'wrong');
    await recovery('A get once the password fits', callersClient.recoveryLimitMs, () => cache.get('a'));
  });
});

describe.each(CACHE_CLIENTS)('$client', ({ open, recoveryLimitMs }) => {
  test('row 26: a password changed under a running cache is a configuration error on every call until it fits again', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'app', 'on', '>first', '~*', '&*', '+@all');
    await using opened = await open(urlOf(server, 'app', 'first'));
    const { cache } = opened;
    await cache.set('a', 1);

    await admin.send('ACL', 'SETUSER', 'app', 'resetpass', '>second');
    await admin.send('CLIENT', 'KILL', 'USER', 'app');
    await waitUntil('A get that names the configuration', 30_000, async () => {
      await failureOf(cache.get('a'), 'ERR_CACHE_OPTION');
      return true;
    });
    await failureOf(cache.set('a', 2), 'ERR_CACHE_OPTION');
    await admin.send('ACL', 'SETUSER', 'app', '>first');
    await recovery('A get once the password fits again', recoveryLimitMs, () => cache.get('a'));
    expect(await cache.get('a')).toBe(1);
  });

  test('row 26: a user who may not write reads on, and each write is a configuration error', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'app', 'on', '>first', '~*', '&*', '+@all');
    await using opened = await open(urlOf(server, 'app', 'first'));
    const { cache } = opened;
    await cache.set('a', 1);
    await admin.send('ACL', 'SETUSER', 'app', '-@write');
    expect(await cache.get('a')).toBe(1);
    const { ambiguous } = (await failureOf(cache.set('a', 2), 'ERR_CACHE_OPTION')) as { ambiguous?: boolean };
    expect(ambiguous).not.toBe(true);
    await failureOf(cache.increment('n'), 'ERR_CACHE_OPTION');
    await failureOf(cache.removeItem('a'), 'ERR_CACHE_OPTION');
    expect(await cache.get('a')).toBe(1);
  });

  test('row 26: for a user who may not read a live value is not free to take', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'app', 'on', '>first', '~*', '&*', '+@all');
    await using opened = await open(urlOf(server, 'app', 'first'));
    const { cache } = opened;
    await cache.set('lock', 'theirs');
    await admin.send('ACL', 'SETUSER', 'app', '-getrange', '-get', '-mget');
    await failureOf(cache.get('lock'), 'ERR_CACHE_OPTION');
    await failureOf(cache.setWithNx('lock', 'mine'), 'ERR_CACHE_OPTION');
    await failureOf(cache.getOrLease('lock'), 'ERR_CACHE_OPTION');
    await failureOf(cache.increment('lock'), 'ERR_CACHE_OPTION');
    expect(await admin.send('GET', `${PREFIX}lock`)).toBe('"theirs"');
  });
});

test('row 26: without hooks the process is warned of the configuration once, by code alone', async () => {
  await using server = await startRedis();
  await using admin = await administer(server);
  await admin.send('ACL', 'SETUSER', 'app', 'on', '>first', '~*', '&*', '+@all', '-@write');
  await using opened = await ownClient.open(urlOf(server, 'app', 'first'));
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  try {
    for (let count = 0; count < 5; count++) await failureOf(opened.cache.set('a', 1), 'ERR_CACHE_OPTION');
    expect(emitWarning.mock.calls).toEqual([
      ['Cache "redis": set failed. Set hooks.onError to handle it.', { code: 'ERR_CACHE_OPTION' }],
    ]);
  } finally {
    emitWarning.mockRestore();
  }
});
