/** Runs the three patterns on one backend: `npm start -- --backend memory|redis|postgres`. */
import { parseArgs } from 'node:util';
import { RateLimiter } from '@cache/coordination';
import { BACKENDS, type Closer, closeAll, isBackend, type PatternCache } from './backends.ts';
import { greet } from './greeter.ts';
import { MemoryWarehouse } from './memory-warehouse.ts';
import { buyOne } from './stock.ts';
import { type User, UserDirectory } from './user-directory.ts';

const BUYERS = 8;
const STOCK = 5;
const REQUESTS = 20;
const LIMIT = 10;

async function main(args: readonly string[]): Promise<number> {
  const backend = backendOf(args);
  if (!isBackend(backend)) {
    process.stderr.write(`npm start -- --backend NAME, one of: ${Object.keys(BACKENDS).join(', ')}\n`);
    return 2;
  }
  const closers: Closer[] = [];
  try {
    const cache = await BACKENDS[backend](closers);
    console.log(`cache-aside: ${await findTwice(cache)}`);
    console.log(`lock:        ${await sellOut(cache)}`);
    console.log(`rate limit:  ${await greetMany(cache)}`);
    return 0;
  } finally {
    await closeAll(closers);
  }
}

function backendOf(args: readonly string[]): string {
  try {
    const options = { backend: { type: 'string', default: 'memory' } } as const;
    return parseArgs({ args: [...args], options }).values.backend;
  } catch {
    return '';
  }
}

async function findTwice(cache: PatternCache): Promise<string> {
  let user: User = { name: 'Ada', email: 'ada@example.org' };
  let finds = 0;
  const directory = new UserDirectory(cache, {
    find: async () => {
      finds += 1;
      return user;
    },
    save: async (_, changed) => {
      user = changed;
    },
  });
  await directory.find('1');
  await directory.find('1');
  await directory.save('1', { ...user, name: 'Ada Lovelace' });
  const found = await directory.find('1');
  return `3 looks, ${finds} of them at the store; after the change: ${found?.name}`;
}

async function sellOut(cache: PatternCache): Promise<string> {
  const warehouse = new MemoryWarehouse({ lamp: STOCK });
  const bought = await Promise.all(Array.from({ length: BUYERS }, () => buyOne(cache, warehouse, 'lamp')));
  return `${BUYERS} buyers at once, ${bought.filter(Boolean).length} of ${STOCK} sold, ${await warehouse.count('lamp')} left`;
}

async function greetMany(cache: PatternCache): Promise<string> {
  const limiter = new RateLimiter(cache, { limit: LIMIT, windowInSeconds: 60 });
  const answers = await Promise.all(Array.from({ length: REQUESTS }, () => greet(limiter, '192.0.2.1')));
  const greeted = answers.filter(({ status }) => status === 200).length;
  return `${REQUESTS} requests at once, ${greeted} answered, ${REQUESTS - greeted} told to come again`;
}

process.exitCode = await main(process.argv.slice(2));
