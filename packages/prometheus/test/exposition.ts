import parse from 'parse-prometheus-text-format';

/** One line of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a scrape answered. */
export interface Exposition {
  /** The type of each metric, as its TYPE line says. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

/**
 * Parses a scrape. The parser folds all series of a histogram into one and loses their labels, so it is given the lines of
 * histograms a second time as what they are without their type: plain samples.
 */
export function parseExposition(text: string): Exposition {
  const types = new Map(parse(text).map(({ name, type }) => [name, type.toLowerCase()]));
  const families = parse(text.replaceAll(/^(# TYPE \S+) histogram$/gm, '$1 untyped'));
  const samples = families.flatMap(({ name, metrics }) =>
    metrics.map(({ labels = {}, value }) => ({ name, labels, value: Number(value) })),
  );
  return { types, samples };
}

/** The samples of that name whose labels are those given and maybe more. */
export function samplesOf(
  { samples }: Exposition,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Sample[] {
  const wanted = Object.entries(labels);
  return samples.filter(
    (sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
  );
}

/** The sum of those samples. */
export function sumOf(exposition: Exposition, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samplesOf(exposition, name, labels).reduce((sum, { value }) => sum + value, 0);
}
