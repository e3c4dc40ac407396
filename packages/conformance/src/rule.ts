import type { CacheCapabilities, ConformanceOptions } from './conformance-options.ts';
import type { RuleContext } from './rule-context.ts';

/** One sentence of the contract, and how it is checked. */
export interface Rule {
  /** What a cache does, as a sentence without its subject: `answers undefined for …`. */
  readonly name: string;
  /** The capabilities without which the rule does not apply. */
  readonly needs?: readonly (keyof CacheCapabilities)[];
  /** Whether the rule applies beyond its capabilities, such as only to one way of holding values. */
  readonly when?: (options: ConformanceOptions) => boolean;
  /** True if it waits for a lifetime to pass: such rules wait together. */
  readonly waits?: boolean;
  /** @throws AssertionError when the cache does otherwise */
  readonly check: (context: RuleContext) => Promise<void>;
}

/** The rules of one part of the contract. */
export interface RuleGroup {
  readonly title: string;
  readonly rules: readonly Rule[];
}
