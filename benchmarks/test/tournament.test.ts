import { expect, test } from '@jest/globals';
import { ratioOf } from '../servers/comparison.ts';
import { Progress } from '../servers/progress.ts';
import { runTournament } from '../servers/tournament.ts';
import { contestants } from './rosters/mixed.ts';

test('everybody has a turn in every round; who answers wrongly, crashes or does not start is out, and says why', async () => {
  const { workloads, disqualified } = await runTournament(
    {
      roster: new URL('./rosters/mixed.ts', import.meta.url),
      contestants,
      placeOf: () => ({ url: '', namespace: '' }),
      operations: ['get', 'set'],
      sizesInBytes: [200],
      concurrencies: [1, 16],
      rounds: 3,
      sliceMs: 5,
    },
    new Progress({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream),
  );
  expect(Object.fromEntries(disqualified)).toEqual({
    forgetful: expect.stringMatching(/^WrongAnswerError: get\('user-200-00007'\) answered undefined/),
    crashing: expect.stringMatching(/its process ended \(3\): last words/),
    unreachable: 'Error: connection refused',
  });
  expect(workloads.map(({ workload: { operation, concurrency } }) => [operation, concurrency])).toEqual([
    ['get', 1],
    ['get', 16],
    ['set', 1],
    ['set', 16],
  ]);
  for (const result of workloads) {
    expect([...result.slices].map(([name, slices]) => [name, slices.length])).toEqual([
      ['steady', 3],
      ['steady too', 3],
    ]);
    expect(ratioOf(result, 'steady', 'steady too')?.median).toBeGreaterThan(0);
  }
}, 60_000);
