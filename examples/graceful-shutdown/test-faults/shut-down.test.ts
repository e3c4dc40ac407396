import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RedisCache } from '@cache/redis';
import { type Server, settle, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';

const LIMIT_MS = 60_000;

interface Answer {
  readonly status: number;
  /** True if the server asked for another connection: a load balancer sends nothing more here. */
  readonly isLast: boolean;
}

/** The example, in a process of its own. */
async function startExample(redis: Server): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@cache/source', '--import', loader, main], {
    env: { ...env, REDIS_URL: redis.url, PORT: '0', NOTICE_MS: '1500' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^listening on (\d+)$/.exec(line) ?? [];
    if (port !== undefined) return { port: Number(port), child };
  }
  throw new Error('The example ended.');
}

function ask(port: number, agent: Agent, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, path, method }, (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode ?? 0, isLast: response.headers.connection === 'close' });
      });
    });
    sent.once('error', reject).end();
  });
}

/** Asks over and over, over connections that are kept, until it is told to go elsewhere. */
async function worker(port: number, index: number, answers: Answer[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (let call = 0; ; call += 1) {
      const method = call % 10 === 9 ? 'DELETE' : 'GET';
      const answer = await ask(port, agent, `/users/${(index + call) % 30}`, method);
      answers.push(answer);
      if (answer.isLast) return;
    }
  } finally {
    agent.destroy();
  }
}

async function exitOf(child: ChildProcess): Promise<readonly [number | null, string | null]> {
  const exited = await settle(once(child, 'exit') as Promise<[number | null, string | null]>, LIMIT_MS);
  if (exited.state === 'rejected') throw exited.reason;
  return exited.value;
}

describe('SIGTERM under load', () => {
  test.each(['running', 'frozen', 'gone'])(
    'Redis %s: every request is answered, and the process ends by itself',
    async (state) => {
      await using redis = await startRedis();
      const { port, child } = await startExample(redis);
      try {
        const answers: Answer[] = [];
        const workers = Array.from({ length: 20 }, (_, index) => worker(port, index, answers));
        const working = Promise.all(workers);
        working.catch(() => {});
        await waitUntil('Two hundred answers', LIMIT_MS, () => answers.length > 200);
        if (state === 'frozen') await redis.freeze();
        if (state === 'gone') await redis.kill();
        await waitUntil('Two hundred more', LIMIT_MS, () => answers.length > 400);
        child.kill('SIGTERM');
        const exit = exitOf(child);
        await working;
        expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
        expect(await exit).toEqual([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );

  test('a removal that was queued while Redis was frozen is carried out before the process ends', async () => {
    await using redis = await startRedis();
    const { port, child } = await startExample(redis);
    const agent = new Agent();
    try {
      await ask(port, agent, '/users/1');
      const other = await RedisCache.connect(redis.url, { prefix: 'users:', readTimeoutMs: 20_000 });
      await waitUntil('The user being stored', LIMIT_MS, async () => (await other.get('user:1')) !== undefined);
      await redis.freeze();
      expect(await ask(port, agent, '/users/1', 'DELETE')).toMatchObject({ status: 200 });
      child.kill('SIGTERM');
      const exit = exitOf(child);
      await redis.resume();
      expect(await exit).toEqual([0, null]);
      expect(await other.get('user:1')).toBe(undefined);
      await other.close();
    } finally {
      agent.destroy();
      child.kill('SIGKILL');
    }
  });
});
