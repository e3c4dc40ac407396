import { expect, test } from '@jest/globals';
import { ratioOf } from '../servers/comparison.ts';
import { Progress } from '../servers/progress.ts';
import { runTournament } from '../servers/tournament.ts';
import { contestants } from './rosters/mixed.ts';

test('everybody has a turn in every round; who answers wrongly, fails, crashes or does not start is out, and why is said', async () => {
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
      warmUpMs: 0,
    },
    new Progress({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream),
  );
  expect(Object.fromEntries(disqualified)).toEqual({
    forgetful: {
      during: 'filling, 200 B',
      reason: expect.stringMatching(/^WrongAnswerError: get\('user-200-00007'\) answered undefined/),
      isWrongAnswer: true,
    },
    crashing: {
      during: 'filling, 200 B',
      reason: expect.stringMatching(/its process ended \(3\): last words/),
      isWrongAnswer: false,
    },
    tired: { during: 'set 200 B ×1', reason: 'Error: enough', isWrongAnswer: false },
    lying: {
      during: expect.stringMatching(/^set 200 B/),
      reason: expect.stringMatching(/^WrongAnswerError/),
      isWrongAnswer: true,
    },
    unreachable: { during: 'start', reason: 'Error: connection refused', isWrongAnswer: false },
  });
  expect(workloads.map(({ workload: { operation, concurrency } }) => [operation, concurrency])).toEqual([
    ['get', 1],
    ['get', 16],
    ['set', 1],
    ['set', 16],
  ]);
  for (const result of workloads) {
    const finished = new Map([...result.slices].map(([name, slices]) => [name, slices.length]));
    const isGet = result.workload.operation === 'get';
    expect(finished).toEqual(new Map([['steady', 3], ['steady too', 3], ...(isGet ? [['tired', 3] as const] : [])]));
    expect(ratioOf(result, 'steady', 'steady too')?.median).toBeGreaterThan(0);
  }
}, 60_000);
