import type { Contestant, OpenContestant } from '../../servers/contestant.ts';
import { MapContestant } from '../map-contestant.ts';

const described: Omit<Contestant, 'name' | 'open'> = { kind: 'raw', notes: ['kept in a Map'], packages: [] };

class Forgetful extends MapContestant {
  override async get(key: string): Promise<unknown> {
    const value = await super.get(key);
    return key.endsWith('00007') ? undefined : value;
  }
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
  named('crashing', () => new Crashing()),
  {
    ...described,
    name: 'unreachable',
    open: () => Promise.reject(new Error('connection refused')),
  },
];
