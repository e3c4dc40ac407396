import type { RuleGroup } from '../rule.ts';
import { atomicRules } from './atomic.ts';
import { batchRules } from './batches.ts';
import { cleanupRules } from './cleanup.ts';
import { closingRules } from './closing.ts';
import { counterRules } from './counters.ts';
import { declarationRules } from './declaration.ts';
import { expirationRules } from './expiration.ts';
import { fenceRules } from './fences.ts';
import { hookRules } from './hooks.ts';
import { inspectionRules } from './inspection.ts';
import { iterationRules } from './iteration.ts';
import { keyTransformerRules } from './key-transformers.ts';
import { keyRules } from './keys.ts';
import { leaseRules } from './leases.ts';
import { removalRules } from './removal.ts';
import { sharedStoreRules } from './shared-store.ts';
import { staleCopyRules } from './stale-copies.ts';
import { tagRules } from './tags.ts';
import { valueRules } from './values.ts';

/** The whole contract. */
export const RULE_GROUPS: readonly RuleGroup[] = [
  declarationRules,
  keyRules,
  keyTransformerRules,
  valueRules,
  expirationRules,
  removalRules,
  batchRules,
  counterRules,
  atomicRules,
  tagRules,
  leaseRules,
  fenceRules,
  staleCopyRules,
  iterationRules,
  inspectionRules,
  cleanupRules,
  closingRules,
  hookRules,
  sharedStoreRules,
];
