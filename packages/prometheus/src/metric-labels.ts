/** The names of a metric's labels: two for the cache, and up to three of its own. `''` for one that it does not have. */
export type LabelNames = readonly [cache: 'cache', backend: 'backend', first: string, second: string, third: string];

/** The names that there are. */
export function labelNamesOf(names: LabelNames): string[] {
  return names.filter((name) => name !== '');
}

/** The labels of one series. To Prometheus an empty label is none, so it is left out. */
export function labelsOf(names: LabelNames, values: readonly string[]): Record<string, string> {
  const labels = names.map((name, index): [string, string] => [name, values[index] ?? '']);
  return Object.fromEntries(labels.filter(([name, value]) => name !== '' && value !== ''));
}
