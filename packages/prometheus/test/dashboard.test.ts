import { readFileSync } from 'node:fs';
import { InMemoryCache } from '@cache/memory';
import { prometheusHooks } from '@cache/prometheus';
import { describe, expect, test } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { Registry } from 'prom-client';

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

const dashboard = JSON.parse(readFileSync(new URL('../dashboard.json', import.meta.url), 'utf8')) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

/** What a query names, as Prometheus's own grammar reads it once Grafana has put its variables in. */
function namesIn(query: string): { metrics: string[]; labels: string[]; errors: number } {
  const text = query.replaceAll('$__rate_interval', '5m').replaceAll('$cache', '.*');
  const found = { metrics: [] as string[], labels: [] as string[], errors: 0 };
  parser.parse(text).iterate({
    enter: ({ name, type, from, to, node }) => {
      if (type.isError) found.errors += 1;
      else if (name === 'Identifier' && node.parent?.name === 'VectorSelector')
        found.metrics.push(text.slice(from, to));
      else if (name === 'LabelName') found.labels.push(text.slice(from, to));
    },
  });
  return found;
}

/** The names that the exporter emits, with the labels of each. */
async function emitted(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const register = new Registry();
  const hooks = prometheusHooks({ register, keyGroup: () => 'all' });
  const of = { cache: 'users', backend: 'memory' };
  hooks.onHit?.({ ...of, operation: 'get', key: 'k', durationMs: 1, level: 'l1' });
  hooks.onSet?.({ ...of, operation: 'set', key: 'k', durationMs: 1 });
  hooks.onRemove?.({ ...of, operation: 'removeItem', key: 'k', durationMs: 1 });
  hooks.onEvict?.({ ...of, key: 'k', reason: 'size' });
  hooks.onExpire?.({ ...of, key: 'k' });
  hooks.onLoad?.({ ...of, key: 'k', durationMs: 1, outcome: 'done' });
  hooks.onOperation?.({ ...of, operation: 'get', outcome: 'hit', durationMs: 1, level: 'l1' });
  hooks.onBreaker?.({
    cache: 'users',
    backend: 'stack',
    state: 'open',
    previousState: 'closed',
    queuedInvalidations: 0,
  });
  const cache = new InMemoryCache({ hooks, maxBytes: 1_000, sizeOf: () => 1 });
  expect(() => cache.get('')).toThrow();
  hooks.watch(of, () => cache);
  const names = new Map<string, Set<string>>();
  for (const line of (await register.metrics()).split('\n')) {
    const [, name = '', labels = ''] = /^([a-z_]+)\{(.*)\} /.exec(line) ?? [];
    if (name === '') continue;
    const known = names.get(name) ?? new Set();
    names.set(name, known);
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) known.add(label);
  }
  return names;
}

describe('the dashboard', () => {
  test.each(queries)('%s asks only for metrics and labels that there are: %s', async (_, query) => {
    const { metrics, labels, errors } = namesIn(query);
    expect(errors).toBe(0);
    expect(metrics.length).toBeGreaterThan(0);
    const known = await emitted();
    for (const metric of metrics) {
      expect([...known.keys()]).toContain(metric);
      for (const label of labels) expect([...(known.get(metric) ?? [])]).toContain(label);
    }
  });

  test('uses every metric, so that none is exported for nobody to see', async () => {
    const used = new Set(queries.flatMap(([, query]) => namesIn(query).metrics));
    for (const metric of (await emitted()).keys()) expect([...used]).toContain(metric);
  });

  test('offers the caches that there are to choose from', async () => {
    const variable = dashboard.templating.list.find(({ name }) => name === 'cache');
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(variable?.query ?? '') ?? [];
    expect([...((await emitted()).get(metric) ?? [])]).toContain(label);
  });

  test('is found out when a query asks for what there is not', () => {
    expect(namesIn('rate(cache_reads_totals[5m])').metrics).toEqual(['cache_reads_totals']);
    expect(namesIn('sum by (tier) (cache_items{cach="a"})').labels).toEqual(['tier', 'cach']);
    expect(namesIn('rate(cache_reads_total[5m)').errors).toBeGreaterThan(0);
  });
});
