import type { Contestant, Place } from './contestant.ts';
import { ContestantFailure, ContestantProcess } from './contestant-process.ts';
import type { Progress } from './progress.ts';
import { describeSize, describeWorkload, type Slice, type Workload } from './workload.ts';

/** What is run, and how thoroughly. */
export interface TournamentPlan {
  /** The module that exports `contestants`, for their processes to import. */
  readonly roster: URL;
  readonly contestants: readonly Contestant[];
  /** Where each keeps its items: a place of its own. */
  readonly placeOf: (contestant: Contestant, index: number) => Place;
  readonly operations: readonly Workload['operation'][];
  readonly sizesInBytes: readonly number[];
  readonly concurrencies: readonly number[];
  /** How many turns each contestant has at each workload. */
  readonly rounds: number;
  readonly sliceMs: number;
  /**
   * How long each contestant is warmed up at least, at each kind of call: who sends 512 calls in a few statements has carried
   * out its code for a statement only a few dozen times after thousands of calls.
   */
  readonly warmUpMs: number;
  readonly profileFolder?: string | undefined;
}

/** The slices of one workload, by contestant: the n-th of each were taken in the same round, moments apart. */
export interface WorkloadResult {
  readonly workload: Workload;
  readonly slices: ReadonlyMap<string, readonly Slice[]>;
}

/** Everything a run saw. */
export interface TournamentResult {
  readonly workloads: readonly WorkloadResult[];
  readonly disqualified: ReadonlyMap<string, Disqualification>;
}

/** Why a contestant did not finish. */
interface Disqualification {
  /** What it did. */
  readonly reason: string;
  /** What it was doing, as `describeWorkload` says it, or what came before. */
  readonly during: string;
  /** It answered wrongly: then none of its figures count. Otherwise those of the workloads that it finished do. */
  readonly isWrongAnswer: boolean;
}

/** Enough that each of 512 workers has one; more only makes filling slower. */
const FEWEST_KEYS = 512;

/**
 * Calls of each kind before anything is measured: a client is compiled in stages, and one that does more takes longer to
 * reach the last. With a few hundred calls, latency came out at a multiple of what it settles at.
 */
const WARM_UP_CALLS = 2_500;

/**
 * Lets the contestants take turns: at each workload a round gives each one short slice, and the order rotates from round
 * to round, so that whatever else the machine does falls on all of them alike. Only ratios within a round are sound.
 */
export async function runTournament(plan: TournamentPlan, progress: Progress): Promise<TournamentResult> {
  const disqualified = new Map<string, Disqualification>();
  const workloads: { readonly workload: Workload; readonly slices: Map<string, Slice[]> }[] = [];
  let players: ContestantProcess[] = [];
  const disqualify = ({ name }: Contestant, during: string, error: unknown): void => {
    const isWrongAnswer = error instanceof ContestantFailure && error.isWrongAnswer;
    disqualified.set(name, { reason: (error as Error).message, during, isWrongAnswer });
    for (const { slices } of workloads) if (isWrongAnswer) slices.delete(name);
  };
  const attempt = async <T>(
    player: ContestantProcess,
    during: string,
    act: () => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      return await act();
    } catch (error) {
      disqualify(player.contestant, during, error);
      players = players.filter((other) => other !== player);
      await player.close();
      return undefined;
    }
  };
  try {
    for (const [index, contestant] of plan.contestants.entries()) {
      progress.show(`starting ${contestant.name}`);
      try {
        const place = plan.placeOf(contestant, index);
        players.push(await ContestantProcess.open(contestant, { ...plan, place }));
      } catch (error) {
        disqualify(contestant, 'start', error);
      }
    }
    const keyCount = Math.max(FEWEST_KEYS, ...plan.concurrencies);
    const total = plan.sizesInBytes.length * plan.operations.length * plan.concurrencies.length * (plan.rounds + 1);
    let roundsDone = 0;
    for (const sizeBytes of plan.sizesInBytes) {
      for (const player of [...players]) {
        progress.show(`filling ${player.contestant.name}`);
        await attempt(player, `filling, ${describeSize(sizeBytes)}`, () => player.fill(sizeBytes, keyCount));
      }
      if (sizeBytes === plan.sizesInBytes[0]) {
        for (const player of [...players]) {
          progress.show(`warming up ${player.contestant.name}`);
          await attempt(player, 'warm-up', () => warmUp(player, plan));
        }
      }
      for (const operation of plan.operations) {
        for (const concurrency of plan.concurrencies) {
          const workload = { operation, sizeBytes, concurrency };
          const slices = new Map<string, Slice[]>();
          // Round 0 is not counted: in it the compiler and the server's caches see the workload for the first time. It is long,
          // since V8 throws the compiled code of a process away that had nothing to do for some seconds.
          for (let round = 0; round <= plan.rounds; round++) {
            progress.step(roundsDone++, total, `${describeWorkload(workload)}, round ${round} of ${plan.rounds}`);
            for (const player of rotated(players, round)) {
              const during = describeWorkload(workload);
              const slice = await attempt(player, during, () =>
                player.measure(workload, round === 0 ? plan.warmUpMs : plan.sliceMs),
              );
              if (slice === undefined) slices.delete(player.contestant.name);
              else if (round > 0) slicesOf(slices, player).push(slice);
            }
          }
          workloads.push({ workload, slices });
        }
      }
    }
  } finally {
    progress.show('closing');
    await Promise.all(players.map((player) => player.close()));
    progress.end();
  }
  return { workloads, disqualified };
}

/** Alone and together: the two are different code in a client that sends calls together. */
async function warmUp(
  player: ContestantProcess,
  { operations, sizesInBytes, concurrencies, warmUpMs }: TournamentPlan,
): Promise<void> {
  const sizeBytes = sizesInBytes[0] as number;
  for (const operation of operations) {
    for (const concurrency of new Set([Math.min(...concurrencies), Math.max(...concurrencies)])) {
      const untilMs = performance.now() + warmUpMs;
      do await player.warmUp({ operation, sizeBytes, concurrency }, WARM_UP_CALLS);
      while (performance.now() < untilMs);
    }
  }
}

/** Each begins once before any begins twice; every other round runs backwards, so that no one always follows the same one. */
function rotated<T>(items: readonly T[], round: number): readonly T[] {
  const first = round % Math.max(1, items.length);
  const order = [...items.slice(first), ...items.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}

function slicesOf(slices: Map<string, Slice[]>, { contestant }: ContestantProcess): Slice[] {
  const known = slices.get(contestant.name) ?? [];
  slices.set(contestant.name, known);
  return known;
}
