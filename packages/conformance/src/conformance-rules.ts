import type { ConformanceOptions } from './conformance-options.ts';
import type { Rule } from './rule.ts';
import { RuleContext } from './rule-context.ts';
import { RULE_GROUPS } from './rules/rule-groups.ts';

/** Lifetimes of up to 16 s: who can't do some calls within that fails. */
const MOST_PATIENCE = 64;

/** A rule that can be run against the backend it was made for. */
export interface ConformanceRule {
  /** The part of the contract it belongs to, such as `batches`. */
  readonly group: string;
  /** The rule as a sentence. */
  readonly name: string;
  /** Fulfils if the backend keeps the rule, rejects with an AssertionError if not. */
  readonly run: () => Promise<void>;
}

/** The rules that apply to a backend, for those who want them without a test runner. */
export function conformanceRules(options: ConformanceOptions): ConformanceRule[] {
  const applicable = RULE_GROUPS.flatMap(({ title, rules }) =>
    rules.filter((rule) => applies(rule, options)).map((rule) => ({ group: title, rule })),
  );
  const together = new TogetherRunner();
  return applicable.map(({ group, rule }) => {
    const run = () => runRule(rule, options);
    const waitsInRealTime = rule.waits === true && options.advance === undefined;
    return { group, name: rule.name, run: waitsInRealTime ? together.add(run) : run };
  });
}

function applies(rule: Rule, options: ConformanceOptions): boolean {
  const hasAll = (rule.needs ?? []).every((capability) => options.capabilities?.[capability] === true);
  return hasAll && (rule.when === undefined || rule.when(options));
}

/** A rule that waits in real time and failed where the machine was too slow for it is run again, with longer lifetimes. */
async function runRule(rule: Rule, options: ConformanceOptions): Promise<void> {
  for (let patience = 1; ; patience *= 4) {
    const context = new RuleContext(options, patience);
    try {
      return await rule.check(context);
    } catch (error) {
      if (rule.waits !== true || !context.wasHeldUp || patience >= MOST_PATIENCE) throw error;
    } finally {
      await context.dispose();
    }
  }
}

/** Starts all its runs when the first is asked for, so that they wait for time to pass side by side. */
class TogetherRunner {
  readonly #runs: (() => Promise<void>)[] = [];
  #outcomes: Promise<PromiseSettledResult<void>[]> | undefined;

  add(run: () => Promise<void>): () => Promise<void> {
    const index = this.#runs.push(run) - 1;
    return async () => {
      this.#outcomes ??= Promise.allSettled(this.#runs.map((start) => start()));
      const outcome = (await this.#outcomes)[index];
      if (outcome?.status === 'rejected') throw outcome.reason;
    };
  }
}
