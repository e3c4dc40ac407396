import type { SeriesLabels } from '@cache/core';

/** Where labels go: into DogStatsD's tags, or into the name, for servers that know no tags. */
export type Tagging = 'dogstatsd' | 'name';

/** What a series is sent as. */
export interface MetricAddress {
  readonly name: string;
  readonly tags: readonly string[];
}

/** The names of the labels of one metric after those of the cache; `''` for one that it does not have. */
export type LabelNames = readonly [first: string, second: string, third: string];

/** The name and the tags of one series. An empty tag is left out; in a name it is `none`, so that places keep their meaning. */
export function addressOf(metric: string, names: LabelNames, values: SeriesLabels, tagging: Tagging): MetricAddress {
  const labels = ['cache', 'backend', ...names]
    .map((name, index): [string, string] => [name, values[index] ?? ''])
    .filter(([name]) => name !== '');
  if (tagging === 'name') {
    return { name: [metric, ...labels.map(([, value]) => nodeOf(value))].join('.'), tags: [] };
  }
  const tags = labels.filter(([, value]) => value !== '').map(([name, value]) => `${name}:${tagOf(value)}`);
  return { name: metric, tags };
}

/** What a datagram cannot carry in a tag. */
function tagOf(value: string): string {
  return value.replaceAll(/[|,#@\p{Cc}]/gu, '_');
}

/** A dot would begin another node of the name. */
function nodeOf(value: string): string {
  return value === '' ? 'none' : value.replaceAll(/[^A-Za-z0-9_-]/g, '_');
}
