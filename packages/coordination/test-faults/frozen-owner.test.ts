import { acquireLock } from '@cache/coordination';
import { type ChildProgram, type Server, startProgram, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { naiveLock } from '../test/naive-lock.ts';
import { BACKEND_NAMES, openCache, type ServerCache, startServer } from './backends.ts';

const OWNER = new URL('./programs/owner.ts', import.meta.url);
const WAIT_LIMIT_MS = 60_000;

describe.each(BACKEND_NAMES)('over %s', (backend) => {
  let server: Server;
  let cache: ServerCache;

  beforeAll(async () => {
    server = await startServer(backend);
    cache = await openCache(backend, server.url);
  });
  afterAll(async () => {
    await cache.close();
    await server.close();
  });

  /** Runs `meanwhile` while the program is stopped, with a question waiting for it when it goes on. */
  async function freeze<T>(
    program: ChildProgram,
    meanwhile: () => Promise<T>,
    question: string,
  ): Promise<{ readonly met: T; readonly answer: unknown }> {
    const pid = (await program.ask('pid')) as number;
    process.kill(pid, 'SIGSTOP');
    const met = await meanwhile();
    const asked = program.ask(question);
    process.kill(pid, 'SIGCONT');
    return { met, answer: await asked };
  }

  test('row 52: of two owners, the one that was frozen beyond its lease finds it lost before it does anything', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    const first = await program.ask('acquire');
    const take = () => acquireLock(cache, 'k', { leaseInSeconds: 600, waitTimeoutMs: WAIT_LIMIT_MS });
    const { met: second, answer } = await freeze(program, take, 'look');
    expect(answer).toEqual({ aborted: true, code: 'ERR_CACHE_LOCK_LOST' });
    expect(second.fencingNumber).toBeGreaterThan(first as number);
    expect(await program.ask('release')).toBe(false);
    await second.renew();
    expect(await second.release()).toBe(true);
  });

  test('row 52, control: the naive lock’s first owner frees what belongs to the second', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    expect(await program.ask('acquireNaively')).toBe(true);
    const isFree = async (): Promise<boolean> => (await naiveLock(cache, 'k', 600)) !== undefined;
    await freeze(program, () => waitUntil('The naive lock', WAIT_LIMIT_MS, isFree), 'releaseNaively');
    expect(await cache.exists('k')).toBe(false);
  });

  test('a lock whose owner is killed is free when its lease has run out', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    const first = (await program.ask('acquire')) as number;
    process.kill((await program.ask('pid')) as number, 'SIGKILL');
    await using next = await acquireLock(cache, 'k', { waitTimeoutMs: WAIT_LIMIT_MS });
    expect(next.fencingNumber).toBe(first + 1);
  });

  test('a lock that is held keeps no process alive', async () => {
    await using program = startProgram(OWNER, backend, server.url);
    await program.ask('acquire');
    expect(await program.end()).toEqual({ code: 0, signal: null, stderr: '' });
  });
});
