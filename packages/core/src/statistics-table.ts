import type { CacheSnapshot } from './cache-statistics.ts';

/** Lays snapshots out as text: a line a cache, and below it a line for each kind of call it was asked. */
export function formatStatistics(snapshots: readonly CacheSnapshot[]): string {
  if (snapshots.length === 0) return 'No cache has been used yet.';
  return snapshots.map(formatCache).join('\n\n');
}

function formatCache(snapshot: CacheSnapshot): string {
  const { cache, backend, hitRatio, hits, misses, hitsByLevel, itemsCount, bytes } = snapshot;
  const contents = [
    ...(itemsCount === undefined ? [] : [`${itemsCount} items`]),
    ...(bytes === undefined ? [] : [`${bytes} bytes`]),
  ];
  const title = [
    `${cache} (${backend})`,
    hitRatio === undefined ? 'no reads' : `hit ratio ${(hitRatio * 100).toFixed(1)} % (${hits} of ${hits + misses})`,
    ...(hitsByLevel === undefined ? [] : [`of all reads ${shares(hitsByLevel, hits + misses)}`]),
    ...contents,
  ].join(' · ');
  const counts =
    `  sets ${snapshot.sets} · removals ${snapshot.removals} · evictions ${snapshot.evictions} · ` +
    `expirations ${snapshot.expirations} · loads ${snapshot.loads} · errors ${snapshot.errors}`;
  return [title, counts, ...formatLatencies(snapshot)].join('\n');
}

function shares(hitsByLevel: Readonly<Record<string, number>>, reads: number): string {
  return Object.entries(hitsByLevel)
    .map(([level, hits]) => `${level} ${((hits / reads) * 100).toFixed(1)} %`)
    .join(', ');
}

function formatLatencies({ latencies }: CacheSnapshot): string[] {
  const rows = Object.entries(latencies);
  if (rows.length === 0) return [];
  const header = ['operation', 'calls', 'mean ms', 'p50 ms', 'p99 ms', 'max ms'];
  const cells = rows.map(([name, { count, meanMs, p50Ms, p99Ms, maxMs }]) => [
    name,
    String(count),
    ...[meanMs, p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(3)),
  ]);
  const table = [header, ...cells];
  const widths = header.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  return table.map((row) => {
    const padded = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${padded.join('  ')}`;
  });
}
