import type { ServerLine } from './backend.ts';
import type { LoadRow } from './experiments.ts';
import type { LoadDriver, LoadResult } from './load-driver.ts';
import type { PackageCatalogue } from './package-catalogue.ts';
import { seededRandom, shuffled } from './popularity.ts';

const PHASE_MS = { before: 1_000, frozen: 4_000, after: 2_000 } as const;
const CONCURRENCY = 8;
/** Few enough packages that the loads of an outage are a matter of seconds. */
const PACKAGE_COUNT = 10;

/** One phase of a freeze, and what the service did meanwhile. All of its requests were answered, or it would have failed. */
export interface FreezePhase {
  readonly phase: keyof typeof PHASE_MS;
  readonly row: LoadRow;
}

/** Sends requests before, while and after nothing answers on the line to the cache's server. */
export async function freezeTheServer(
  catalogue: PackageCatalogue,
  driver: LoadDriver,
  line: ServerLine,
): Promise<FreezePhase[]> {
  const names = shuffled(await catalogue.names(), seededRandom(3)).slice(0, PACKAGE_COUNT);
  const paths = names.map((name) => `/packages/${name}`);
  const phases: FreezePhase[] = [];
  const run = async (phase: keyof typeof PHASE_MS): Promise<void> => {
    const walksBefore = catalogue.walks;
    const result: LoadResult = await driver.drive(paths, { concurrency: CONCURRENCY, minDurationMs: PHASE_MS[phase] });
    phases.push({ phase, row: { ...result, walks: catalogue.walks - walksBefore } });
  };
  await run('before');
  line.freeze();
  try {
    await run('frozen');
  } finally {
    line.thaw();
  }
  await run('after');
  return phases;
}
