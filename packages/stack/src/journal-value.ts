import { CacheCorruptionError, CacheOptionError, redactedCause, type Serializer } from '@cache/core';
import { type JournalRecord, NO_PAYLOAD } from './journal-frame.ts';
import type { QueuedWrite, WriteOperation } from './queued-write.ts';

/** The value as the journal holds it. @throws CacheValueError */
export async function encodeWrite(
  operation: WriteOperation<unknown>,
  serializer: Serializer,
): Promise<Pick<JournalRecord, 'kind' | 'payload'>> {
  if (operation.kind === 'remove') return { kind: 'remove', payload: NO_PAYLOAD };
  if (serializer.format === 'binary') return { kind: 'binary', payload: await serializer.serialize(operation.value) };
  return { kind: 'json', payload: Buffer.from(await serializer.serialize(operation.value)) };
}

/**
 * The write as it was queued.
 *
 * @throws CacheOptionError for a serializer of the other kind, CacheCorruptionError for one that cannot read the value
 */
export async function decodeWrite<V>(
  { kind, key, id, payload }: JournalRecord,
  serializer: Serializer,
): Promise<QueuedWrite<V>> {
  if (kind === 'remove') return { key, id, operation: { kind } };
  const context = { operation: 'open', backend: 'journal' };
  if (kind !== serializer.format) {
    throw new CacheOptionError(
      `The journal holds values written by a ${kind} serializer: open it with that one.`,
      context,
    );
  }
  try {
    const value =
      serializer.format === 'binary'
        ? await serializer.deserialize(payload)
        : await serializer.deserialize(Buffer.from(payload).toString());
    return { key, id, operation: { kind: 'write', value: value as V } };
  } catch (error) {
    const message = `The serializer cannot read a value in the journal, of write ${id}: open it with the one that wrote it.`;
    throw new CacheCorruptionError(message, { ...context, cause: redactedCause(error) });
  }
}
