import { startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, PREFIX } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { failureOf, outageOf, recovery } from './failures.ts';

describe.each(CACHE_CLIENTS)('$client', ({ open, recoveryLimitMs }) => {
  test('row 24: a write whose reply is lost says that it may have happened, and was sent exactly once', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    const loseReply = async (call: () => Promise<unknown>): Promise<void> => {
      await recovery('A get before the next cut', recoveryLimitMs, () => cache.get('a'));
      proxy.cutAfterRequest();
      const { ambiguous } = await failureOf(call(), 'ERR_CACHE_UNAVAILABLE');
      await proxy.restore();
      expect(ambiguous).toBe(true);
    };
    const stored = (key: string): Promise<unknown> => admin.send('GET', PREFIX + key);

    await cache.increment('n');
    await loseReply(() => cache.increment('n'));
    await loseReply(() => cache.increment('n', 10));
    await loseReply(() => cache.decrement('n', 3));
    expect(await stored('n')).toBe('9');
    await loseReply(() => cache.setWithNx('lock', 'mine'));
    expect(await stored('lock')).toBe('"mine"');
    await loseReply(() => cache.removeIfEquals('lock', 'mine'));
    expect(await stored('lock')).toBeNull();
    await loseReply(() => cache.set('a', 1));
    expect(await stored('a')).toBe('1');
    await loseReply(() => cache.mset([['a', 2]]));
    expect(await stored('a')).toBe('2');
    await loseReply(() => cache.removeItem('a'));
    expect(await stored('a')).toBeNull();
  });

  test('row 24: a connection reset with every kind of call in flight fails each by name, and the next call works', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    proxy.dropReplies();
    const calls = EVERY_CALL.map(async ({ kind, run }) => {
      const { ambiguous } = await outageOf(run(cache));
      if (kind === 'read') expect(ambiguous).toBe(false);
    });
    await waitUntil('The requests being with the server', 30_000, async () => (await admin.callsOf('get')) > 0);
    proxy.reset();
    await Promise.all(calls);
    await proxy.restore();
    await recovery('A get over a new connection', recoveryLimitMs, () => cache.get('a'));
  });
});
