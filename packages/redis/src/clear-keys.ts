import type { CacheParts } from './cache-parts.ts';
import { type ScanRequest, scanKeys } from './key-scan.ts';

/**
 * Removes every item whose key begins like this, page by page. A lease is a key of its own under the prefix, so every lease that was
 * granted before is found and ended too.
 */
export async function clearKeys(parts: CacheParts, request: ScanRequest): Promise<void> {
  const { batch } = parts;
  const settings = { operation: request.operation, isWrite: true } as const;
  for await (const page of scanKeys(parts, request)) {
    await Promise.all(
      batch.nodes.isCluster
        ? page.map((key) => batch.send(['UNLINK', key], { ...settings, key }))
        : [batch.send(['UNLINK', ...page], { ...settings, key: page[0] ?? '' })],
    );
  }
}
