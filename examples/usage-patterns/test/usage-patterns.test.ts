import { spawnSync } from 'node:child_process';
import { type LockStore, RateLimiter } from '@cache/coordination';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKENDS, type BackendName, type Closer, closeAll, type PatternCache } from '../src/backends.ts';
import { greet } from '../src/greeter.ts';
import { MemoryWarehouse } from '../src/memory-warehouse.ts';
import { buyOne, type Warehouse } from '../src/stock.ts';
import { type User, UserDirectory } from '../src/user-directory.ts';

const NAMES = Object.keys(BACKENDS) as BackendName[];

describe.each(NAMES)('on %s', (backend) => {
  const closers: Closer[] = [];
  let cache: PatternCache;

  beforeAll(async () => {
    cache = await BACKENDS[backend](closers);
  });
  afterAll(() => closeAll(closers));

  test('cache-aside finds a user once, and anew after a change', async () => {
    const users = new Map<string, User>([['1', { name: 'Ada', email: 'ada@example.org' }]]);
    const asked: string[] = [];
    const directory = new UserDirectory(cache, {
      find: async (id) => {
        asked.push(id);
        return users.get(id);
      },
      save: async (id, user) => void users.set(id, user),
    });
    expect(await directory.find('1')).toEqual(users.get('1'));
    expect(await directory.find('1')).toEqual(users.get('1'));
    expect(await directory.find('2')).toBeUndefined();
    expect(asked).toEqual(['1', '2']);
    await directory.save('1', { name: 'Ada Lovelace', email: 'ada@example.org' });
    expect((await directory.find('1'))?.name).toBe('Ada Lovelace');
    expect(asked).toEqual(['1', '2', '1']);
  });

  test('under the lock as many are sold as there are; without it more', async () => {
    const warehouse = new MemoryWarehouse({ lamp: 5 });
    const bought = await Promise.all(Array.from({ length: 12 }, () => buyOne(cache, warehouse, 'lamp')));
    expect(bought.filter(Boolean)).toHaveLength(5);
    expect(await warehouse.count('lamp')).toBe(0);

    const other = new MemoryWarehouse({ lamp: 5 });
    const yes = async (): Promise<boolean> => true;
    const store: LockStore = { setWithNx: yes, setTtlIfEquals: yes, removeIfEquals: yes, increment: async () => 1 };
    const sold = await Promise.all(Array.from({ length: 12 }, () => buyOne(store, other, 'lamp')));
    expect(sold.filter(Boolean).length).toBeGreaterThan(5);
  });

  test('a buyer who lost the lock does not write, and one who wrote too late is refused by the warehouse', async () => {
    const warehouse = new MemoryWarehouse({ chair: 5 });
    const losing: Warehouse = {
      count: async (item) => {
        await cache.removeItem(`lock:owner:stock:${item}`);
        expect(await buyOne(cache, warehouse, item)).toBe(true);
        return warehouse.count(item);
      },
      setCount: (...args) => warehouse.setCount(...args),
    };
    await expect(buyOne(cache, losing, 'chair')).rejects.toThrow('Somebody came after you.');
    expect(await warehouse.count('chair')).toBe(4);
  });

  test('a client gets as many answers as the limit, and is then told when to come again', async () => {
    const limiter = new RateLimiter(cache, { limit: 10, windowInSeconds: 3_600 });
    const answers = await Promise.all(Array.from({ length: 25 }, () => greet(limiter, '192.0.2.1')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers['Retry-After'])).toBeGreaterThan(3_000);
    expect(await greet(limiter, '192.0.2.2')).toEqual({ status: 200, headers: { 'RateLimit-Remaining': '9' } });
  });
});

/** Runs the program as its reader would. */
function start(...args: string[]) {
  const node = ['--conditions=@cache/source', '--import', '../../tools/typescript.mjs', 'src/main.ts', ...args];
  return spawnSync(process.execPath, node, { encoding: 'utf8' });
}

test.each(NAMES)('npm start -- --backend %s prints what the README says, and ends', (backend) => {
  expect(start('--backend', backend)).toMatchObject({
    status: 0,
    stderr: '',
    stdout: [
      'cache-aside: 3 looks, 2 of them at the store; after the change: Ada Lovelace',
      'lock:        8 buyers at once, 5 of 5 sold, 0 left',
      'rate limit:  20 requests at once, 10 answered, 10 told to come again',
      '',
    ].join('\n'),
  });
});

test.each(['--backend floppy', '--what'])('says what it takes when it is asked for %s', (args) => {
  expect(start(...args.split(' '))).toMatchObject({
    status: 2,
    stderr: 'npm start -- --backend NAME, one of: memory, redis, postgres\n',
  });
});
