import { fileURLToPath } from 'node:url';
import { CacheStatistics, type IterableCache } from '@cache/core';
import type { Backend } from './backend.ts';
import { BACKENDS } from './backends.ts';
import { type Closer, closeAll } from './close-all.ts';
import { coherentLoad } from './coherent-load.ts';
import { type DemoOptions, parseOptions, UsageError, usage } from './demo-options.ts';
import {
  compareWithAndWithoutCache,
  type Laboratory,
  overtakeLoads,
  stampede,
  watchAnInvalidation,
} from './experiments.ts';
import { ANSWER_EXPIRATION_IN_SECONDS, ExplorerService } from './explorer-service.ts';
import { freezeTheServer } from './freeze.ts';
import { startHttpServer } from './http-server.ts';
import { LoadDriver } from './load-driver.ts';
import { PackageCatalogue } from './package-catalogue.ts';
import { Report } from './report.ts';
import { TemporaryPackage } from './temporary-package.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const STAMPEDE_PACKAGE = 'typescript';
const ROUND_COUNT = 8;

/** Runs the demo and resolves with its exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (!options.help) return await run(options);
    process.stdout.write(usage());
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage()}`);
      return 2;
    }
    console.error(error);
    return 1;
  }
}

/** Whatever happens, and on SIGINT and SIGTERM too, what was opened is closed, the last first. */
async function run(options: DemoOptions): Promise<number> {
  const closers: Closer[] = [];
  // A terminal tells the whole group, and npm and turbo pass it on: one Ctrl+C may arrive several times.
  const interruption = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('interrupted'));
    process.stdout.on('error', () => resolve('interrupted')); // Nobody reads on: `npm run demo | head`.
  });
  try {
    const work = options.serve ? serve(options, closers).then(() => interruption) : measure(options, closers);
    const end = await Promise.race([work, interruption]);
    return end === 'interrupted' && !options.serve ? 130 : 0;
  } finally {
    await closeAll(closers);
  }
}

/** Opens the backend that was asked for, with somebody who counts. */
async function openCache(
  { backend }: DemoOptions,
  closers: Closer[],
): Promise<Backend & { readonly statistics: CacheStatistics }> {
  const statistics = new CacheStatistics();
  return { ...(await BACKENDS[backend](statistics, closers)), statistics };
}

async function serve(options: DemoOptions, closers: Closer[]): Promise<void> {
  const { cache, origin, statistics } = await openCache(options, closers);
  const catalogue = new PackageCatalogue([REPOSITORY]);
  const coherent = coherentLoad(cache, { expirationInSeconds: ANSWER_EXPIRATION_IN_SECONDS });
  const service = new ExplorerService(catalogue, cache, coherent?.readThrough);
  const server = await startHttpServer({ service, statistics, port: options.port }).catch((cause) => {
    throw new UsageError(`Port ${options.port} cannot be used: ${cause.code}.`, { cause });
  });
  closers.push(() => server.close());
  const report = new Report(process.stdout);
  report.opening((await catalogue.names()).length, origin, server.url);
  report.serving(server.url);
}

async function measure(options: DemoOptions, closers: Closer[]): Promise<void> {
  const startedAt = performance.now();
  const { cache, origin, line, statistics } = await openCache(options, closers);
  const temporaryPackage = new TemporaryPackage();
  closers.push(() => temporaryPackage.remove());
  const catalogue = new PackageCatalogue([REPOSITORY, temporaryPackage.root]);
  const laboratory: Laboratory = { catalogue, cache, temporaryPackage };

  const start = async (service: ExplorerService): Promise<{ readonly url: string; readonly driver: LoadDriver }> => {
    const server = await startHttpServer({ service, statistics });
    const driver = new LoadDriver(server.url);
    closers.push(
      () => server.close(),
      () => driver.close(),
    );
    return { url: server.url, driver };
  };
  const aside = await start(new ExplorerService(catalogue, cache));
  const load = coherentLoad(cache, { expirationInSeconds: ANSWER_EXPIRATION_IN_SECONDS });
  const coherent = load && {
    label: load.label,
    ...(await start(new ExplorerService(catalogue, cache, load.readThrough))),
  };

  const report = new Report(process.stdout);
  report.opening((await catalogue.names()).length, origin, aside.url);

  report.section('1  The same requests without and with the cache');
  const comparison = await compareWithAndWithoutCache(laboratory, aside.driver, () => statistics.reset());
  const snapshot = statistics.snapshot()[0];
  report.comparison(comparison);

  report.section('2  What the cache counted meanwhile');
  if (snapshot !== undefined) report.statistics(snapshot, await countKeys(cache));

  report.section('3  A package changes on disk, and is invalidated');
  report.invalidation(await watchAnInvalidation(laboratory, aside.driver));

  report.section(`4  ${options.requests} requests at once for one package that is not cached (${STAMPEDE_PACKAGE})`);
  report.stampede(
    await stampede(laboratory, aside.driver, STAMPEDE_PACKAGE, options.requests),
    coherent && {
      label: coherent.label,
      row: await stampede(laboratory, coherent.driver, STAMPEDE_PACKAGE, options.requests),
    },
  );

  report.section(`5  A package changes and is invalidated while a request is walking it (${ROUND_COUNT} rounds)`);
  report.overtakenLoads(
    ROUND_COUNT,
    await overtakeLoads(laboratory, aside.driver, ROUND_COUNT),
    coherent && {
      label: coherent.label,
      staleCount: await overtakeLoads(laboratory, coherent.driver, ROUND_COUNT),
    },
  );

  if (coherent !== undefined && line !== undefined) {
    report.section(`6  ${line.server} stops answering for some seconds, and requests go on`);
    report.freeze(line.server, await freezeTheServer(catalogue, coherent.driver, line));
  }
  report.closing(performance.now() - startedAt);
}

async function countKeys(cache: IterableCache): Promise<number> {
  let count = 0;
  for await (const _key of cache.keys()) count += 1;
  return count;
}

process.exit(await main(process.argv.slice(2)));
