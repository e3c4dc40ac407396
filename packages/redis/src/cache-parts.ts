import type { CommandBatch } from './command-batch.ts';
import type { Failures } from './failures.ts';
import type { ItemCodec } from './item-codec.ts';
import type { KeyGate } from './key-gate.ts';
import type { KeySpace } from './key-space.ts';
import type { PlainShare } from './plain-share.ts';
import type { RedisBus } from './redis-bus.ts';
import type { TagView } from './tag-view.ts';

/** What the parts of one cache share. */
export interface CacheParts {
  readonly batch: CommandBatch;
  readonly keys: KeySpace;
  readonly codec: ItemCodec;
  readonly gate: KeyGate;
  readonly tags: TagView;
  readonly plainShare: PlainShare;
  readonly failures: Failures;
  /** Told of invalidations. */
  readonly bus: RedisBus | undefined;
}
