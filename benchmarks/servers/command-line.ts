import { parseArgs } from 'node:util';
import type { Contestant } from './contestant.ts';
import type { TournamentPlan } from './tournament.ts';

/** The part of a run's plan that the command line decides. */
export type CommandLine = Pick<
  TournamentPlan,
  'contestants' | 'operations' | 'sizesInBytes' | 'concurrencies' | 'rounds' | 'sliceMs' | 'warmUpMs' | 'profileFolder'
> & {
  /** True when the run is too short or too partial to be the one on record. */
  readonly isPartial: boolean;
};

const WHOLE = {
  sizes: '200,2048,20480',
  concurrency: '1,16,64,512',
  operations: 'get,set',
  'slice-ms': '50',
};
const QUICK = { sizes: '200', concurrency: '1,64', operations: 'get,set', 'slice-ms': '25' };

const HELP = `
  --quick                 under a minute: 200 B at concurrency 1 and 64, few rounds
  --contestants a,b       only those whose name contains one of these
  --sizes 200,2048        bytes of JSON per value
  --concurrency 1,64      calls under way at a time
  --operations get,set
  --rounds 9              turns of each contestant at each workload
  --slice-ms 50           least length of a turn
  --profile folder        a CPU profile of each contestant's process
  --list                  the contestants
`;

/** How many rounds a program takes by default: a slow server gets fewer. */
export interface DefaultRounds {
  readonly whole: number;
  readonly quick: number;
}

/** Reads the command line; prints and ends the process for `--help`, `--list` and what it does not understand. */
export function readCommandLine(contestants: readonly Contestant[], defaultRounds: DefaultRounds): CommandLine {
  try {
    return parse(contestants, defaultRounds);
  } catch (error) {
    console.error(`${(error as Error).message}\n${HELP}`);
    process.exit(2);
  }
}

function parse(all: readonly Contestant[], defaultRounds: DefaultRounds): CommandLine {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    options: {
      quick: flag,
      help: flag,
      list: flag,
      contestants: text,
      sizes: text,
      concurrency: text,
      operations: text,
      rounds: text,
      'slice-ms': text,
      profile: text,
    },
  });
  if (values.help) end(HELP);
  if (values.list) end(all.map(({ name }) => name).join('\n'));
  const defaults = values.quick ? QUICK : WHOLE;
  const wanted = values.contestants?.split(',') ?? [''];
  const contestants = all.filter(({ name }) => wanted.some((part) => name.includes(part)));
  if (contestants.length === 0) throw new Error(`No contestant is called like ${values.contestants}: see --list.`);
  return {
    contestants,
    operations: (values.operations ?? defaults.operations).split(',').map((operation) => {
      if (operation === 'get' || operation === 'set') return operation;
      throw new Error(`--operations takes get and set, not ${operation}.`);
    }),
    sizesInBytes: positiveNumbers('sizes', values.sizes ?? defaults.sizes),
    concurrencies: positiveNumbers('concurrency', values.concurrency ?? defaults.concurrency),
    rounds: positiveNumbers(
      'rounds',
      values.rounds ?? `${defaultRounds[values.quick ? 'quick' : 'whole']}`,
    )[0] as number,
    sliceMs: positiveNumbers('slice-ms', values['slice-ms'] ?? defaults['slice-ms'])[0] as number,
    warmUpMs: values.quick ? 100 : 700,
    profileFolder: values.profile,
    isPartial: Object.keys(values).length > 0,
  };
}

function positiveNumbers(name: string, list: string): readonly number[] {
  return list.split(',').map((part) => {
    const number = Number(part);
    if (Number.isInteger(number) && number > 0) return number;
    throw new Error(`--${name} takes whole numbers above 0, not '${part}'.`);
  });
}

function end(text: string): never {
  console.log(text);
  process.exit(0);
}
