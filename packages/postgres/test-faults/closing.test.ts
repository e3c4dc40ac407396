import { startProgram } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EVERY_CALL } from './every-call.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

/**
 * Two deadlines for a call of two steps, and a second of patience for what is under way, make three; the rest is room for a
 * busy machine. A call that hangs is still pending long after.
 */
const CLOSED_LIMIT_MS = 8_000;

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

interface Report {
  readonly settledInMs: number;
  readonly closedInMs: number;
  readonly codes: readonly string[];
  readonly afterwards: readonly string[];
}

describe.each(['connect', 'wrap'])('row 61: close() with every kind of call in flight, pool %s', (how) => {
  test.each(['running', 'frozen', 'killed'])(
    'row 61: server %s: all settle in time, later calls say closed, the process ends by itself',
    async (state) => {
      const { server } = migrated;
      await using program = startProgram(new URL('./programs/close-while-busy.ts', import.meta.url), server.url, how);
      await program.ask('ready');
      await using _ = await strike(server, state);
      const report = (await program.ask('close while busy')) as Report;

      expect(report.settledInMs).toBeLessThan(CLOSED_LIMIT_MS);
      expect(report.closedInMs).toBeLessThan(CLOSED_LIMIT_MS);
      const allowed = state === 'running' ? /^(done|ERR_CACHE_CLOSED)$/ : /^ERR_CACHE_(TIMEOUT|UNAVAILABLE|CLOSED)$/;
      expect(report.codes.filter((code) => !allowed.test(code))).toEqual([]);
      expect(report.afterwards).toEqual(EVERY_CALL.map(() => 'ERR_CACHE_CLOSED'));
      expect(await program.end()).toEqual({ code: 0, signal: null, stderr: '' });
    },
  );
});

/** What is wrong with the server, until it is disposed of: the next test finds one that answers, however this one ends. */
async function strike(server: MigratedServer['server'], state: string): Promise<AsyncDisposable> {
  if (state === 'frozen') await server.freeze();
  if (state === 'killed') await server.kill();
  return {
    [Symbol.asyncDispose]: async () => {
      if (state === 'frozen') await server.resume();
      if (state === 'killed') await server.restart();
    },
  };
}
