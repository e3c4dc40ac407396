import type { CacheSnapshot } from '@cache/core';
import { type CacheComparison, CONCURRENCY, type InvalidationStep, type LoadRow } from './experiments.ts';
import { formatBytes, formatCount, formatMs, formatPercent, formatTimes } from './format.ts';
import type { FreezePhase } from './freeze.ts';

/** Where a report goes: `process.stdout`, or anything that takes text. */
export interface ReportStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

type Row = readonly string[];

/** Prints what the demo found, for people, at most 88 columns wide; with colours on a terminal that has them. */
export class Report {
  readonly #stream: ReportStream;
  readonly #hasColors: boolean;

  constructor(stream: ReportStream) {
    this.#stream = stream;
    this.#hasColors = stream.isTTY === true && stream.hasColors?.() === true;
  }

  /** A line, indented below its section. */
  line(text = ''): void {
    this.#stream.write(text === '' ? '\n' : `   ${text}\n`);
  }

  section(title: string): void {
    this.#stream.write(`\n${this.#styled(1, title)}\n\n`);
  }

  opening(packageCount: number, origin: string, url: string): void {
    this.#stream.write(`${this.#styled(1, 'package-explorer')}  ${url}\n\n`);
    this.line(
      `Questions about the ${formatCount(packageCount)} packages installed here, answered by walking node_modules`,
    );
    this.line(`for each. Cache: ${origin}.`);
  }

  comparison({ packageCount, uncached, filling, warm }: CacheComparison): void {
    const rows: [string, LoadRow][] = [
      ['without the cache', uncached],
      ['cache, empty at first', filling],
      ['cache, full', warm],
    ];
    this.#table([
      ['', 'requests', 'per second', 'p50 ms', 'p99 ms', 'disk walks'],
      ...rows.map(([label, row]) => [
        label,
        formatCount(row.requestCount),
        formatCount(perSecond(row)),
        formatMs(row.latencies.quantileMs(0.5)),
        formatMs(row.latencies.quantileMs(0.99)),
        formatCount(row.walks),
      ]),
    ]);
    const fillingTimes = formatTimes(perSecond(filling) / perSecond(uncached));
    const warmTimes = formatTimes(perSecond(warm) / perSecond(uncached));
    this.line();
    const workload = `${formatCount(uncached.requestCount)} requests for ${formatCount(packageCount)} packages`;
    this.line(`${workload}, ${CONCURRENCY} at a time, client and server in this one process.`);
    this.line(`With the cache: ${fillingTimes} times as many a second while it fills, and ${warmTimes} times as many`);
    this.line('once it is full (the same requests over and over).');
  }

  statistics(snapshot: CacheSnapshot, itemsCount: number): void {
    const { hits, misses, hitRatio = 0, evictions, errors, latencies } = snapshot;
    const { p50Ms = 0, p99Ms = 0 } = latencies.get ?? {};
    this.#table(
      [
        ['hit ratio', formatPercent(hitRatio), `${formatCount(hits)} of ${formatCount(hits + misses)} reads`],
        ['items', formatCount(itemsCount), `${formatCount(evictions)} evicted, ${formatCount(errors)} errors`],
        ['time of a get', `${formatMs(p50Ms)} ms`, `p50; p99 is ${formatMs(p99Ms)} ms`],
      ],
      new Set([0, 2]),
    );
  }

  invalidation(steps: readonly InvalidationStep[]): void {
    this.#table(
      steps.map(({ action, fileCount, sizeInBytes, fromCache, isCurrent }, index) => [
        `${index + 1}  ${action}`,
        `${fileCount} files`,
        formatBytes(sizeInBytes),
        `from the ${fromCache ? 'cache' : 'disk'}${isCurrent ? '' : ', out of date'}`,
      ]),
      new Set([0, 3]),
    );
  }

  stampede(aside: LoadRow, coherent: { readonly label: string; readonly row: LoadRow } | undefined): void {
    const row = (label: string, { walks, durationMs }: LoadRow): Row => [
      label,
      formatCount(walks),
      formatMs(durationMs),
    ];
    this.#table([
      ['', 'disk walks', 'all answered after ms'],
      row('plain cache-aside', aside),
      ...(coherent === undefined ? [] : [row(coherent.label, coherent.row)]),
    ]);
    this.line();
    this.line('Cache-aside: everybody who misses walks. With a lease one walks, the others wait.');
  }

  overtakenLoads(
    roundCount: number,
    aside: number,
    coherent: { readonly label: string; readonly staleCount: number } | undefined,
  ): void {
    this.#table([
      ['', 'out of date afterwards'],
      ['plain cache-aside', `${aside} of ${roundCount}`],
      ...(coherent === undefined ? [] : [[coherent.label, `${coherent.staleCount} of ${roundCount}`]]),
    ]);
    this.line();
    this.line('Cache-aside stores what was read before the change, and serves it until it expires.');
    this.line('An invalidation ends the lease: what was loaded under it is not stored.');
  }

  freeze(server: string, phases: readonly FreezePhase[]): void {
    const labels = { before: `${server} answers`, frozen: `${server} is silent`, after: `${server} answers again` };
    this.#table([
      ['', 'requests', 'p50 ms', 'p99 ms', 'longest ms', 'disk walks'],
      ...phases.map(({ phase, row }) => [
        labels[phase],
        formatCount(row.requestCount),
        formatMs(row.latencies.quantileMs(0.5)),
        formatMs(row.latencies.quantileMs(0.99)),
        formatMs(row.latencies.quantileMs(1)),
        formatCount(row.walks),
      ]),
    ]);
    this.line();
    this.line('Every request was answered. Memory goes on for two seconds without a word from the');
    this.line('server; then the disk is walked, and what was found is good for two seconds more.');
  }

  serving(url: string): void {
    this.line();
    this.line('Open it in a browser, or ask it yourself:');
    this.line();
    this.line(`curl -i ${url}/packages/typescript         again, and Cache-Status says "hit"`);
    this.line(`curl -X PURGE ${url}/packages/typescript   invalidates`);
    this.line(`curl ${url}/licences                       also /packages and /statistics`);
    this.line();
    this.line('Ctrl+C ends it.');
  }

  closing(durationMs: number): void {
    this.#stream.write(
      `\n${this.#styled(2, `Took ${(durationMs / 1000).toFixed(1)} s. Look around yourself: npm run demo -- --serve`)}\n`,
    );
  }

  /** Columns as wide as they must be; numbers to the right, the first column, and others named, to the left. */
  #table(rows: readonly Row[], leftColumns: ReadonlySet<number> = new Set([0])): void {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    for (const row of rows) {
      const isHeader = row[0] === '';
      const cells = widths.map((width, column) => {
        const cell = row[column] ?? '';
        return leftColumns.has(column) ? cell.padEnd(width) : cell.padStart(width);
      });
      const text = cells.join('   ').trimEnd();
      this.line(isHeader ? this.#styled(2, text) : text);
    }
  }

  #styled(code: 1 | 2, text: string): string {
    return this.#hasColors ? `\u001b[${code}m${text}\u001b[22m` : text;
  }
}

function perSecond({ requestCount, durationMs }: LoadRow): number {
  return requestCount / (durationMs / 1000);
}
