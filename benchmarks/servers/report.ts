import { mkdirSync, writeFileSync } from 'node:fs';
import { callsPerSecond, cpuMicrosecondsPerCall, cpuRatioOf, fastest, ratioOf, type Spread } from './comparison.ts';
import type { Contestant } from './contestant.ts';
import { describePackages, type Machine } from './machine.ts';
import type { TournamentResult, WorkloadResult } from './tournament.ts';
import { describeSize, type Workload } from './workload.ts';

/** A figure that we mean to reach. */
export interface Bar {
  readonly operation: Workload['operation'];
  readonly sizeBytes: number;
  readonly concurrency: number;
  /** The contestant of ours that is to reach it. */
  readonly ours: string;
  readonly atLeast: number;
}

/** What a report says beside the figures. */
export interface ReportSubject {
  /** `redis`: the name of the two files. */
  readonly name: string;
  readonly title: string;
  /** The npm script that repeats the run. */
  readonly command: string;
  readonly server: string;
  readonly contestants: readonly Contestant[];
  /** Ratios are to the fastest of these, chosen for each workload. */
  readonly baselines: readonly string[];
  /** What they are, in words. */
  readonly baseline: string;
  readonly bars: readonly Bar[];
  readonly machine: Machine;
}

const FOLDER = new URL('../results/', import.meta.url);

/** Writes `<name>.md` and `<name>.json` into `benchmarks/results`; answers the Markdown. */
export function writeReport(subject: ReportSubject, result: TournamentResult): string {
  mkdirSync(FOLDER, { recursive: true });
  const markdown = markdownOf(subject, result);
  writeFileSync(new URL(`${subject.name}.md`, FOLDER), markdown);
  writeFileSync(
    new URL(`${subject.name}.json`, FOLDER),
    `${JSON.stringify(figuresOf(subject, result), undefined, 1)}\n`,
  );
  return markdown;
}

function figuresOf({ contestants, machine, server, baselines }: ReportSubject, result: TournamentResult): unknown {
  return {
    machine,
    server,
    packages: describePackages(contestants.flatMap(({ packages }) => packages)),
    disqualified: Object.fromEntries(result.disqualified),
    workloads: result.workloads.map((row) => {
      const baseline = fastest(row, baselines);
      return {
        ...row.workload,
        baseline,
        contestants: [...row.slices].map(([name, slices]) => ({
          name,
          rounds: slices.length,
          callsPerSecond: rounded(callsPerSecond(slices)),
          cpuMicrosecondsPerCall: significant(cpuMicrosecondsPerCall(slices)),
          ratioToBaseline: baseline === undefined ? undefined : rounded(ratioOf(row, name, baseline)),
        })),
      };
    }),
  };
}

function markdownOf(subject: ReportSubject, result: TournamentResult): string {
  const { title, command, server, contestants, baseline, baselines, machine } = subject;
  const played = contestants.filter(({ name }) => hasFigures(result, name));
  const footnotes = [...new Set(contestants.flatMap(({ notes }) => notes))];
  const mark = ({ name, notes, kind }: Contestant): string => {
    const marks = notes.map((note) => `<sup>${footnotes.indexOf(note) + 1}</sup>`).join(' ');
    return `${kind === 'ours' ? `**${name}**` : name} ${marks}`.trim();
  };
  const slices = result.workloads[0]?.slices.values().next().value?.length ?? 0;
  return `${[
    `# ${title}`,
    `\`${command}\` · ${machine.takenAt.slice(0, 16).replace('T', ' ')} UTC · Node ${machine.node} · ${machine.processors} · ${server} · load before the run ${machine.loadBefore}`,
    `Packages: ${describePackages(contestants.flatMap(({ packages }) => packages)).join(', ')}.`,
    `Each figure is the median of ${slices} short slices; the contestants take turns, each in a process of its own. ` +
      `In each cell: times as fast as ${baseline}, ` +
      'calls per second, and microseconds of the client process’s CPU time per call. Every answer is checked; ×N is the number of calls under way. ' +
      'Ratios are taken within a round, moments apart, and are what counts: calls per second depend on what else the machine does.',
    ...groups(result).map(({ operation, sizeBytes, rows }) =>
      [
        `## ${operation} ${describeSize(sizeBytes)}`,
        table(
          ['', ...rows.map(({ workload }) => `×${workload.concurrency}`)],
          played.map((contestant) => [mark(contestant), ...rows.map((row) => cell(row, contestant.name, baselines))]),
        ),
      ].join('\n\n'),
    ),
    ...rivalry(contestants, result),
    ...barTable(subject, result),
    ...disqualifications(result),
    footnotes.length === 0 ? '' : `## Notes\n\n${footnotes.map((note, index) => `${index + 1}. ${note}`).join('\n')}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function hasFigures({ workloads }: TournamentResult, name: string): boolean {
  return workloads.some(({ slices }) => slices.has(name));
}

const BASELINE_SIGN = '†';

function cell(row: WorkloadResult, name: string, baselines: readonly string[]): string {
  const slices = row.slices.get(name);
  const baseline = fastest(row, baselines);
  if (slices === undefined || slices.length === 0) return 'out';
  const rate = callsPerSecond(slices).median;
  const ratio = baseline === undefined ? undefined : ratioOf(row, name, baseline)?.median.toFixed(2);
  const sign = baselines.length > 1 && name === baseline ? BASELINE_SIGN : '';
  const shown = rate < 10_000 ? `${(rate / 1_000).toFixed(1)}k` : `${Math.round(rate / 1_000)}k`;
  return `${ratio === undefined ? '' : `${ratio}${sign} · `}${shown}/s · ${significant(cpuMicrosecondsPerCall(slices))} µs`;
}

/** Ours against each of the others at the smallest size, with the middle half of the rounds. */
function rivalry(contestants: readonly Contestant[], result: TournamentResult): readonly string[] {
  const smallest = Math.min(...result.workloads.map(({ workload }) => workload.sizeBytes));
  const rows = result.workloads.filter(({ workload }) => workload.sizeBytes === smallest);
  return contestants
    .filter(({ kind, name }) => kind === 'ours' && hasFigures(result, name))
    .map(({ name: ours }) => {
      const others = contestants.filter(({ kind, name }) => kind !== 'ours' && hasFigures(result, name));
      const body = others.map(({ name }) => [name, ...rows.map((row) => spread(ratioOf(row, ours, name)))]);
      const head = ['', ...rows.map(({ workload }) => `${workload.operation} ×${workload.concurrency}`)];
      return `## ${ours}, times as fast as each other, ${describeSize(smallest)}\n\nIn brackets the middle half of the rounds.\n\n${table(head, body)}`;
    });
}

function barTable({ bars, baselines }: ReportSubject, result: TournamentResult): readonly string[] {
  const rows = bars.flatMap(({ operation, sizeBytes, concurrency, ours, atLeast }) => {
    const row = result.workloads.find(
      ({ workload }) =>
        workload.operation === operation && workload.sizeBytes === sizeBytes && workload.concurrency === concurrency,
    );
    const baseline = row && fastest(row, baselines);
    if (row === undefined || baseline === undefined) return [];
    const ratio = ratioOf(row, ours, baseline);
    if (ratio === undefined) return [];
    const verdict = ratio.median >= atLeast ? 'reached' : '**missed**';
    return [
      [
        `${operation} ${describeSize(sizeBytes)} ×${concurrency}`,
        ours,
        baseline,
        `≥ ${atLeast.toFixed(2)}`,
        spread(ratio),
        spread(cpuRatioOf(row, ours, baseline)),
        verdict,
      ],
    ];
  });
  if (rows.length === 0) return [];
  const cpuTime =
    'By CPU time: how many times as many calls per second of the client’s own CPU time, which a busy machine disturbs less.';
  return [
    `## Bars\n\n${cpuTime}\n\n${table(['workload', 'who', 'against', 'bar', 'measured', 'by CPU time', ''], rows)}`,
  ];
}

function disqualifications({ disqualified }: TournamentResult): readonly string[] {
  if (disqualified.size === 0) return [];
  const rows = [...disqualified].map(([name, { during, reason }]) => [name, during, reason.replaceAll(/[\s|]+/g, ' ')]);
  return [
    `## Disqualified\n\nWho fails or hangs is out from there on; who answers wrongly has no figures at all.\n\n${table(['who', 'at', 'why'], rows)}`,
  ];
}

function groups({ workloads }: TournamentResult): readonly {
  readonly operation: Workload['operation'];
  readonly sizeBytes: number;
  readonly rows: readonly WorkloadResult[];
}[] {
  const byTable = new Map<string, WorkloadResult[]>();
  for (const row of workloads) {
    const name = `${row.workload.operation} ${row.workload.sizeBytes}`;
    byTable.set(name, [...(byTable.get(name) ?? []), row]);
  }
  return [...byTable.values()].map((rows) => ({ ...(rows[0] as WorkloadResult).workload, rows }));
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...body.map(line)].join('\n');
}

function spread(ratio: Spread | undefined): string {
  return ratio === undefined ? '' : `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}

function rounded(figures: Spread | undefined): Spread | undefined {
  if (figures === undefined) return undefined;
  const { low, median, high } = figures;
  return { low: significant(low), median: significant(median), high: significant(high) };
}

function significant(figure: number): number {
  return Number(figure.toPrecision(3));
}
