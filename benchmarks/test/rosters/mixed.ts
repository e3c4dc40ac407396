import type { Contestant, OpenContestant } from '../../servers/contestant.ts';
import type { SampleValue } from '../../servers/sample-values.ts';
import { MapContestant } from '../map-contestant.ts';

const described: Omit<Contestant, 'name' | 'open'> = { kind: 'raw', notes: ['kept in a Map'], packages: [] };

class Forgetful extends MapContestant {
  override async get(key: string): Promise<unknown> {
    const value = await super.get(key);
    return key.endsWith('00007') ? undefined : value;
  }
}

/** As many as filling and warming up store at most: the next one is measured. */
const UNMEASURED_SETS = 512 + 2_500 + 2_515;

class Tired extends MapContestant {
  #sets = 0;

  override async set(key: string, value: SampleValue): Promise<void> {
    this.#sets += 1;
    if (this.#sets > UNMEASURED_SETS) this.refuse();
    else await super.set(key, value);
  }

  protected refuse(): void {
    throw new Error('enough');
  }
}

class Lying extends Tired {
  protected override refuse(): void {}
}

class Crashing extends MapContestant {
  override async get(): Promise<unknown> {
    console.error('last words');
    process.exit(3);
  }
}

const named = (name: string, create: () => OpenContestant): Contestant => ({
  ...described,
  name,
  open: async () => create(),
});

export const contestants: readonly Contestant[] = [
  named('steady', () => new MapContestant()),
  named('steady too', () => new MapContestant()),
  named('forgetful', () => new Forgetful()),
  named('tired', () => new Tired()),
  named('lying', () => new Lying()),
  named('crashing', () => new Crashing()),
  {
    ...described,
    name: 'unreachable',
    open: () => Promise.reject(new Error('connection refused')),
  },
];
