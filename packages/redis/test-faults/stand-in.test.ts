import { RedisCache, type RedisCacheOptions, redisBus } from '@cache/redis';
import { settle, startLoad, startProgram, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient, type RedisClientOptions } from 'redis';
import { type Administrator, administer } from './administrator.ts';
import { PREFIX } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { DEADLINES, failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type NumberedLinks, startNumberedLinks } from './numbered-links.ts';

/** Two seconds are promised; the rest is room for a busy machine. */
const RECOVERY_LIMIT_MS = 10_000;
const LIMIT_MS = 30_000;

/** Of the cache's and the application's. */
const KEY = `${PREFIX}a`;

type YourSettings = Omit<RedisClientOptions, 'RESP'> & { readonly RESP?: 2 | 3; readonly selected?: number };

/** A client of the application's, and a cache on it. */
async function openYours(url: string, settings: YourSettings = {}, options: RedisCacheOptions = {}) {
  const { selected, ...own } = settings;
  const client = createClient({ url, ...own, socket: { reconnectStrategy: 50 } });
  const errors: unknown[] = [];
  client.on('error', (error: unknown) => errors.push(error));
  const connected = await settle(client.connect(), LIMIT_MS);
  if (connected.state === 'rejected') throw connected.reason;
  if (selected !== undefined) await client.select(selected);
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES, hooks: { onError: () => {} }, ...options });
  return {
    client,
    cache,
    /** What the application hears of its own client. */
    errors,
    async [Symbol.asyncDispose]() {
      await cache.close();
      client.destroy();
    },
  };
}

/** The server's connections but the administrator's. */
async function connectionsOf(admin: Administrator): Promise<readonly string[]> {
  const list = String(await admin.send('CLIENT', 'LIST'))
    .trim()
    .split('\n');
  const own = String(await admin.send('CLIENT', 'ID'));
  return list.filter((line) => !line.startsWith(`id=${own} `));
}

function linkOf(links: NumberedLinks, number: number) {
  const link = links.all[number];
  if (link === undefined) throw new Error(`There is no connection ${number}.`);
  return link;
}

describe('A client of yours whose connection is dead without a word', () => {
  test('row 22: under load, calls are answered over a connection of the cache’s own, and none takes longer than its deadline', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await openYours(proxy.urlFor(server.url), {}, { readTimeoutMs: 250, writeTimeoutMs: 500 });
    const { cache, client, errors } = opened;
    const load = startLoad(10, async () => void (await cache.get('a')));
    await waitUntil('Ten gets', LIMIT_MS, () => load.succeeded >= 10);
    proxy.halfOpen();
    await waitUntil('A failure', LIMIT_MS, () => load.failures.length > 0);
    const { succeeded } = load;
    await waitUntil('Gets over another connection', RECOVERY_LIMIT_MS, () => load.succeeded > succeeded + 10);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect({ isReady: client.isReady, errors }).toEqual({ isReady: true, errors: [] });
  });

  test('row 22: after a single call that timed out, with nothing else to tell, and every call works there', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await openYours(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 1, { tags: ['t'] });
    proxy.halfOpen();
    await outageOf(cache.get('a'));
    await waitUntil('Another connection', RECOVERY_LIMIT_MS, () => proxy.accepted > 1);
    await recovery('A get over it', RECOVERY_LIMIT_MS, () => cache.get('a'));
    expect(await cache.get('a')).toBe(1);
    for (const { run } of EVERY_CALL) await run(cache);
  });

  test('row 22: and so are all that are made while the network swallows everything, until one gets through', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache } = opened;
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await waitUntil('Another connection', RECOVERY_LIMIT_MS, () => links.all.length > 1);
    // It is ready, and dies before it is used. The next ones are not answered at all.
    linkOf(links, 1).hold();
    links.holdsNew = true;
    await waitUntil('Three more connections', LIMIT_MS, () => links.all.length > 4);
    await outageOf(cache.get('a'));
    links.holdsNew = false;
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
  });

  test('row 22: all caches and buses on that client share one other connection, with its user, database, name and protocol', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'alice', 'on', '>secret', '~*', '&*', '+@all');
    await using proxy = await startProxy(server.port);
    const url = proxy.urlFor(server.url).replace('redis://', 'redis://alice:secret@');
    await using opened = await openYours(`${url}/2`, { name: 'shop', RESP: 2, selected: 3 });
    const { client, cache } = opened;
    const other = new RedisCache(client, { prefix: 'other:', hooks: { onError: () => {} } });
    const bus = redisBus(client);
    await cache.set('a', 1);
    await client.set('probe', 1);
    const [before = ''] = await connectionsOf(admin);
    proxy.halfOpen();
    await waitUntil('The server’s end being gone', LIMIT_MS, async () => (await connectionsOf(admin)).length === 0);
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    await other.set('a', 2);
    await bus.publish([{ kind: 'key', key: 'a' }]);
    const connections = await connectionsOf(admin);
    expect(connections).toHaveLength(1);
    const traits = (line: string) =>
      ['db', 'name', 'user', 'resp'].map((name) => new RegExp(` ${name}=(\\S*)`).exec(line)?.[0]);
    expect(traits(connections[0] ?? '')).toEqual(traits(before));
    await cache.close();
    expect(await other.get('a')).toBe(2);
    await other.close();
    await bus.close();
    await waitUntil('No connection being left', LIMIT_MS, async () => (await connectionsOf(admin)).length === 0);
  });

  test('row 22: what waits on the dead connection takes nobody’s place', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await openYours(proxy.urlFor(server.url), {}, { maxPending: 20 });
    const { cache } = opened;
    await cache.set('a', 1);
    proxy.halfOpen();
    await Promise.all(Array.from({ length: 40 }, () => outageOf(cache.get('a'))));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => cache.get('a')));
    expect(answers).toEqual(Array.from({ length: 20 }, () => 1));
  });

  test('row 22: with no connection to spare (maxclients) calls fail in time as before, and the next one that is free is taken', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using proxy = await startProxy(server.port);
    await using opened = await openYours(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 1);
    await admin.send('CONFIG', 'SET', 'maxclients', '1');
    proxy.halfOpen();
    await waitUntil('Refused connections', LIMIT_MS, async () => {
      await outageOf(cache.get('a'));
      return /rejected_connections:[1-9]/.test(String(await admin.send('INFO', 'stats')));
    });
    await admin.send('CONFIG', 'SET', 'maxclients', '100');
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
  });

  test.each(['kill', 'info'])(
    'row 22: a user who may not ask for CLIENT %s has another connection all the same',
    async (command) => {
      await using server = await startRedis();
      await using admin = await administer(server);
      await admin.send('ACL', 'SETUSER', 'bob', 'on', '>secret', '~*', '&*', '+@all', `-client|${command}`);
      await using links = await startNumberedLinks(server.port);
      await using opened = await openYours(links.url.replace('redis://', 'redis://bob:secret@'));
      const { cache } = opened;
      await cache.set('a', 1);
      linkOf(links, 0).hold();
      await outageOf(cache.get('a'));
      await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    },
  );

  test('row 22: what a user could end and may not ask about is left alone: it may wait in a blocking command', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'bob', 'on', '>secret', '~*', '&*', '+@all', '-client|list');
    await using opened = await openYours(server.url.replace('redis://', 'redis://bob:secret@'));
    const { client, cache, errors } = opened;
    await cache.set('a', 1);
    const popped = client.blPop('list', 0);
    await outageOf(cache.get('a'));
    await waitUntil('Four questions about it', LIMIT_MS, async () => {
      const statistics = String(await admin.send('INFO', 'commandstats'));
      return Number(/^cmdstat_client\|list:.*rejected_calls=(\d+)/m.exec(statistics)?.[1] ?? 0) > 3;
    });
    await admin.send('RPUSH', 'list', 'element');
    expect(await popped).toEqual({ key: 'list', element: 'element' });
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    expect(await admin.callsOf('client|kill')).toBe(0);
    expect(errors).toEqual([]);
  });

  test('row 22: a connection that could not be ended and comes to life is used again, and counts as another one', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('ACL', 'SETUSER', 'bob', 'on', '>secret', '~*', '&*', '+@all', '-client|kill');
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url.replace('redis://', 'redis://bob:secret@'));
    const { cache, client, errors } = opened;
    await cache.set('a', 1, { tags: ['t'] });
    const epochs = [cache.connectionEpoch];
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    epochs.push(cache.connectionEpoch);
    await linkOf(links, 0).deliver();
    await waitUntil('The client’s connection alone', LIMIT_MS, async () => (await connectionsOf(admin)).length === 1);
    expect(await cache.get('a')).toBe(1);
    epochs.push(cache.connectionEpoch);
    expect(new Set(epochs).size).toBe(3);
    expect({ isReady: client.isReady, errors }).toEqual({ isReady: true, errors: [] });
  });
});

describe('A client of yours that lives', () => {
  test('row 21: on a server that was frozen keeps its connection and what waits on it, and nothing is killed', async () => {
    await using server = await startRedis();
    await using opened = await openYours(server.url);
    const { client, cache, errors } = opened;
    await cache.set('a', 1);
    const id = await client.sendCommand(['CLIENT', 'ID']);
    const epoch = cache.connectionEpoch;
    await server.freeze();
    const own = client.get(KEY);
    const load = startLoad(5, async () => void (await cache.get('a')));
    await waitUntil('Three rounds of failures', LIMIT_MS, () => load.failures.length >= 15);
    await server.resume();
    const { succeeded } = load;
    await waitUntil('A get once the server runs on', RECOVERY_LIMIT_MS, () => load.succeeded > succeeded);
    await load.stop();
    expect(await own).toBe('1');
    await using admin = await administer(server);
    expect(await client.sendCommand(['CLIENT', 'ID'])).toBe(id);
    expect(await admin.callsOf('client|kill')).toBe(0);
    expect({ epoch: cache.connectionEpoch, errors }).toEqual({ epoch, errors: [] });
    await waitUntil('One connection', LIMIT_MS, async () => (await connectionsOf(admin)).length === 1);
  });

  test('row 21: and waits in a blocking command of the application’s is left waiting', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await openYours(server.url);
    const { client, cache, errors } = opened;
    await cache.set('a', 1);
    const popped = client.blPop('list', 0);
    await outageOf(cache.get('a'));
    await waitUntil('A question about it', LIMIT_MS, async () => (await admin.callsOf('client|list')) > 3);
    await admin.send('RPUSH', 'list', 'element');
    expect(await popped).toEqual({ key: 'list', element: 'element' });
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    expect(await admin.callsOf('client|kill')).toBe(0);
    expect(errors).toEqual([]);
    await waitUntil('One connection', LIMIT_MS, async () => (await connectionsOf(admin)).length === 1);
  });
});

describe('Late writes', () => {
  // A set lies in the network; a removal is acknowledged over the stand-in; the set arrives.
  test('row 23: a set that timed out on the dead connection does not come back after a removal over the other', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache } = opened;
    await cache.set('a', 'first');
    linkOf(links, 0).hold();
    expect(await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT')).toMatchObject({ ambiguous: true });
    await recovery('A removal', RECOVERY_LIMIT_MS, () => cache.removeItem('a'));
    await linkOf(links, 0).deliver();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 23: control: over a duplicate that is simply used, it does', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { client } = opened;
    linkOf(links, 0).hold();
    client.set(KEY, 'late').catch(() => {});
    await waitUntil('The set being under way', LIMIT_MS, () => linkOf(links, 0).heldBytes > 0);
    const duplicate = client.duplicate();
    await duplicate.connect();
    await duplicate.del(KEY);
    await linkOf(links, 0).deliver();
    expect(await duplicate.get(KEY)).toBe('late');
    duplicate.destroy();
  });

  // A set lies in the client, whose socket is full; a removal is acknowledged over the stand-in; the client makes another
  // connection and sends the set.
  test.each([
    { when: 'before the first silence', isWarned: false },
    { when: 'after it', isWarned: true },
  ])('row 23: nor does one that the client could not write, given to it $when', async ({ isWarned }) => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache, client } = opened;
    await cache.set('a', 'first');
    linkOf(links, 0).stall();
    if (isWarned) await outageOf(cache.get('a'));
    const late = [...FILLING.map((value, index) => cache.set(`big-${index}`, value)), cache.set('a', 'late')];
    await Promise.all(late.map((set) => outageOf(set)));
    if (isWarned) {
      // No removal before: it would lie in the client too, behind the set.
      await recovery('A get', LIMIT_MS, () => cache.get('a'));
      await cache.removeItem('a');
      // What the cache took back does not take the application's commands with it, which node-redis 5 would lose.
      const own = settle(client.get('none'), LIMIT_MS);
      linkOf(links, 0).reset();
      await own;
    } else {
      // There is another connection, and it is not used, since nobody can take back what the client keeps.
      await waitUntil('Another connection', LIMIT_MS, () => links.all.length > 1);
      for (let time = 0; time < 2; time += 1) await outageOf(cache.get('a'));
      const isLost = new Promise((tell) => client.once('reconnecting', tell));
      linkOf(links, 0).reset();
      // What is written while node-redis 5 notices the loss spoils its next connection.
      await isLost;
      await recovery('A removal', LIMIT_MS, () => cache.removeItem('a'));
    }
    await waitUntil('The client’s next connection', LIMIT_MS, () => links.all.length > 2);
    await client.ping();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 23: control: over a duplicate that is simply used, that comes back too', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { client } = opened;
    linkOf(links, 0).stall();
    const late = FILLING.map((value, index) => client.set(`big-${index}`, value).catch(() => {}));
    late.push(client.set(KEY, 'late').catch(() => {}));
    const duplicate = client.duplicate();
    await duplicate.connect();
    await duplicate.del(KEY);
    linkOf(links, 0).reset();
    await Promise.all(late);
    expect(await duplicate.get(KEY)).toBe('late');
    duplicate.destroy();
  });

  // A set lies in the stand-in's connection; a removal is acknowledged over the client, which answers again; the set arrives.
  test('row 23: nor does one that timed out on the other connection, once the client is used again', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url, {}, { writeTimeoutMs: 300 });
    const { cache } = opened;
    await cache.set('a', 'first');
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    const second = linkOf(links, 1);
    second.hold();
    const late = cache.set('a', 'late');
    await waitUntil('The set being under way', LIMIT_MS, () => second.heldBytes > 0);
    linkOf(links, 0).reset();
    expect(await outageOf(late)).toMatchObject({ ambiguous: true });
    await recovery('A removal', RECOVERY_LIMIT_MS, () => cache.removeItem('a'));
    await second.deliver();
    expect(await cache.get('a')).toBeUndefined();
  });
});

/** More than a socket of this machine takes. */
const FILLING: readonly string[] = Array.from({ length: 24 }, () => 'x'.repeat(900_000));

describe('The way back', () => {
  test('row 22: once the client has another connection it is used again, in order, no call fails of it, and the other one is closed', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache, client } = opened;
    await cache.set('a', 1, { tags: ['t'] });
    const epochs = [cache.connectionEpoch];
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    epochs.push(cache.connectionEpoch);
    const sets: Promise<void>[] = [];
    let isBack = false;
    const writing = (async () => {
      while (!isBack) {
        sets.push(cache.set('a', sets.length, sets.length % 2 === 0 ? {} : { tags: ['t'] }));
        await new Promise((done) => setTimeout(done, 1));
      }
    })();
    await waitUntil('Some sets', LIMIT_MS, () => sets.length > 50);
    linkOf(links, 0).reset();
    await waitUntil(
      'The client’s connection alone',
      RECOVERY_LIMIT_MS,
      async () => (await connectionsOf(admin)).length === 1,
    );
    const count = sets.length;
    await waitUntil('Some more sets', LIMIT_MS, () => sets.length > count + 50);
    isBack = true;
    await writing;
    await Promise.all(sets);
    expect(await cache.get('a')).toBe(sets.length - 1);
    epochs.push(cache.connectionEpoch);
    expect(new Set(epochs).size).toBe(3);
    const [connection = ''] = await connectionsOf(admin);
    expect(connection.startsWith(`id=${await client.sendCommand(['CLIENT', 'ID'])} `)).toBe(true);
    for (const { run } of EVERY_CALL) await run(cache);
  });

  // A set is on its way over the stand-in; the next one of that key goes over the client, which answers again; it overtakes.
  test('row 22: a set that is under way over the other connection is not overtaken by the next one', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache, client } = opened;
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    const second = linkOf(links, 1);
    second.hold();
    const earlier = settle(cache.set('a', 'earlier'), SETTLED_LIMIT_MS);
    await waitUntil('The set being under way', LIMIT_MS, () => second.heldBytes > 0);
    linkOf(links, 0).reset();
    await waitUntil('The client’s next connection', LIMIT_MS, () => links.all.length > 2);
    await client.ping();
    const later = cache.set('a', 'later');
    await client.ping();
    await second.deliver();
    await earlier;
    await later;
    expect(await cache.get('a')).toBe('later');
  });

  test('row 22: the next time that it dies there is a stand-in again', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache } = opened;
    for (let time = 0; time < 3; time += 1) {
      await recovery('A set', RECOVERY_LIMIT_MS, () => cache.set('a', time));
      const yours = links.all.filter(({ isOpen }) => isOpen).at(-1);
      yours?.hold();
      await outageOf(cache.get('a'));
      await recovery('A get over the stand-in', RECOVERY_LIMIT_MS, () => cache.get('a'));
      const count = links.all.length;
      yours?.reset();
      await waitUntil(
        'The client’s next connection alone',
        LIMIT_MS,
        () => links.all.every(({ isOpen }, number) => isOpen === (number === count)) && links.all.length === count + 1,
      );
    }
  });

  test('row 20: a server that is killed and restarted meanwhile is found again', async () => {
    await using server = await startRedis();
    await using links = await startNumberedLinks(server.port);
    await using opened = await openYours(links.url);
    const { cache } = opened;
    linkOf(links, 0).hold();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
    await server.kill();
    await outageOf(cache.get('a'));
    await server.restart();
    await recovery('A get once it is back', RECOVERY_LIMIT_MS, () => cache.get('a'));
  });
});

describe('Closing', () => {
  test('row 61: the cache closes the other connection, whether it is in use or being made', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using proxy = await startProxy(server.port);
    for (const isInUse of [true, false]) {
      await using opened = await openYours(proxy.urlFor(server.url));
      const { cache, client } = opened;
      await cache.set('a', 1);
      proxy.halfOpen();
      const { accepted } = proxy;
      await outageOf(cache.get('a'));
      await waitUntil('Another connection', RECOVERY_LIMIT_MS, () => proxy.accepted > accepted);
      if (isInUse) await recovery('A get', RECOVERY_LIMIT_MS, () => cache.get('a'));
      await cache.close();
      await waitUntil('No connection', LIMIT_MS, async () => (await connectionsOf(admin)).length === 0);
      expect(client.isReady).toBe(true);
    }
  });

  test.each(['destroys the client', 'closes the cache'])(
    'row 61: a process ends by itself that %s while there is a stand-in',
    async (end) => {
      await using server = await startRedis();
      await using proxy = await startProxy(server.port);
      const program = new URL('./programs/stand-in.ts', import.meta.url);
      await using application = startProgram(program, proxy.urlFor(server.url));
      await application.ask('ready');
      proxy.halfOpen();
      await application.ask('recover');
      await application.ask(end);
      expect(await application.end()).toEqual({ code: 0, signal: null, stderr: '' });
    },
  );
});
