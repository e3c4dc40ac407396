import { describe, expect, it } from '@jest/globals';
import { stampede } from '../test/stampede/stampede-run.ts';

describe.each(['redis', 'postgres'] as const)('row 47: six processes with 25 callers each over %s', (backend) => {
  it('make one load of a cold key, and all get it', async () => {
    const { loads, outcomes } = await stampede({
      backend,
      loader: 'loads',
      loadMs: 300,
      load: { lockTimeoutMs: 60_000 },
    });
    expect(loads).toBe(1);
    expect(outcomes).toEqual(Array(150).fill('load 1'));
  }, 120_000);

  it('make one more load when the one that loads is killed with -9, after its lease', async () => {
    // Long enough that a busy machine renews it in time, at a third of it.
    const load = { leaseInSeconds: 6, lockTimeoutMs: 60_000 };
    const { loads, outcomes } = await stampede({ backend, loader: 'hangs once', loadMs: 100, load });
    expect(outcomes).toEqual(Array(125).fill('load 2'));
    expect(loads).toBe(2);
  }, 120_000);

  it('call a loader that throws once a process, and every caller gets its error', async () => {
    const { loads, outcomes } = await stampede({
      backend,
      loader: 'throws',
      loadMs: 0,
      load: { errorBackoffMs: 30_000 },
    });
    expect(loads).toBe(6);
    expect(outcomes).toEqual(Array(150).fill('error: the source is down'));
  }, 120_000);
});
