import { startProgram } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EVERY_CALL } from './every-call.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

/** A second of patience for what is under way, and room for a busy machine. */
const CLOSED_LIMIT_MS = 3_000;

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
      if (state === 'frozen') await server.freeze();
      if (state === 'killed') await server.kill();
      const report = (await program.ask('close while busy')) as Report;

      expect(report.settledInMs).toBeLessThan(CLOSED_LIMIT_MS);
      expect(report.closedInMs).toBeLessThan(CLOSED_LIMIT_MS);
      const allowed = state === 'running' ? /^(done|ERR_CACHE_CLOSED)$/ : /^ERR_CACHE_(TIMEOUT|UNAVAILABLE|CLOSED)$/;
      expect(report.codes.filter((code) => !allowed.test(code))).toEqual([]);
      expect(report.afterwards).toEqual(EVERY_CALL.map(() => 'ERR_CACHE_CLOSED'));
      expect(await program.end()).toEqual({ code: 0, signal: null, stderr: '' });
      if (state === 'frozen') await server.resume();
      if (state === 'killed') await server.restart();
    },
  );
});
