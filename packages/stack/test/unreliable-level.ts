import { CacheOptionError, CacheTimeoutError, CacheUnavailableError } from '@cache/core';
import type { SharedCache, Timers } from '@cache/stack';

type Call = (...args: unknown[]) => unknown;

/**
 * `up`; `refusing`: at once, nothing is carried out; `silent`: a timeout after 250 ms, nothing is carried out; `deaf`: the same, but
 * it is carried out and the answer is lost; `hanging`: no answer until it is up again, and then it is carried out; `locked`: the
 * credentials are refused, for each call; `readOnly`: the right to change anything is missing.
 */
export type Condition = 'up' | 'refusing' | 'silent' | 'deaf' | 'hanging' | 'locked' | 'readOnly';

const READS: ReadonlySet<string> = new Set(['get', 'getEntries', 'exists', 'mget', 'getTtl', 'inspect', 'ping']);

/** A second level whose server is in the condition that a test says. */
export class UnreliableLevel {
  readonly cache: SharedCache;
  /** The names of the calls that reached it, carried out or not. */
  readonly asked: string[] = [];
  /** Called before each call is carried out. */
  onCall: (name: string) => void = () => {};
  #condition: Condition = 'up';
  #held: (() => void)[] = [];

  constructor(cache: SharedCache, timers: Timers) {
    this.cache = new Proxy(cache, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        const call = member.bind(target) as Call;
        return async (...args: unknown[]): Promise<unknown> => {
          this.asked.push(name);
          this.onCall(name);
          return this.#answer(name, async () => call(...args), timers);
        };
      },
    });
  }

  get condition(): Condition {
    return this.#condition;
  }

  /** What hung is carried out when it is up again. */
  become(condition: Condition): void {
    this.#condition = condition;
    if (condition !== 'up') return;
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }

  async #answer(name: string, carryOut: () => Promise<unknown>, timers: Timers): Promise<unknown> {
    switch (this.#condition) {
      case 'up':
        return carryOut();
      case 'refusing':
        throw new CacheUnavailableError('It refuses.', { operation: name, backend: 'test' });
      case 'locked':
        throw forbidden(name);
      case 'readOnly':
        if (READS.has(name)) return carryOut();
        throw forbidden(name);
      case 'deaf':
        await carryOut();
        return timeout(name, timers);
      case 'silent':
        return timeout(name, timers);
      case 'hanging':
        await new Promise<void>((go) => this.#held.push(go));
        return carryOut();
    }
  }
}

/** As a cache says what its server said. */
function forbidden(name: string): CacheOptionError {
  const cause = { name: 'ErrorReply', code: 'NOPERM' };
  return new CacheOptionError('It refuses the credentials.', { operation: name, backend: 'test', cause });
}

function timeout(name: string, timers: Timers): Promise<never> {
  const isWrite = !READS.has(name);
  return new Promise((_, reject) => {
    timers.after(250, () =>
      reject(new CacheTimeoutError('It is silent.', { operation: name, backend: 'test', ambiguous: isWrite })),
    );
  });
}
