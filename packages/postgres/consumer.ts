import assert from 'node:assert/strict';
import type { AsyncCache } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import postgres from 'postgres';

/** What the consumer test runs and compiles against the packed package, outside the workspace, without a server. */
export async function consume(): Promise<void> {
  const sql = postgres('postgres://nobody@127.0.0.1:1/none', { connect_timeout: 1 });
  const cache: AsyncCache = new DatabaseCache(sql);
  await assert.rejects(cache.get(''), { code: 'ERR_CACHE_KEY' });
  await assert.rejects(cache.set('at', new Date()), { code: 'ERR_CACHE_VALUE' });
  await assert.rejects(cache.get('key'), { code: /^ERR_CACHE_/ });
  await sql.end({ timeout: 0 });
}
