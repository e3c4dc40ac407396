import type { SerializerContext } from './serializer-context.ts';
import type { SerializerConformanceOptions } from './serializer-options.ts';

/** One sentence of the contract of serializers, and how it is checked. */
export interface SerializerRule {
  /** What a serializer does, as a sentence without its subject. */
  readonly name: string;
  /** Whether the rule applies; if not given, it always does. */
  readonly when?: (options: SerializerConformanceOptions) => boolean;
  /** @throws AssertionError when the serializer does otherwise */
  readonly check: (context: SerializerContext) => Promise<void>;
}

/** The rules of one part of the contract. */
export interface SerializerRuleGroup {
  readonly title: string;
  readonly rules: readonly SerializerRule[];
}
