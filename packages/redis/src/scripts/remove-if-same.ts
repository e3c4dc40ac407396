import { defineScript, type RedisScript } from '../redis-script.ts';

/**
 * Removes what is stored if it is exactly this: how something unreadable is removed without harming a newer value.
 *
 * - KEYS: the item
 * - ARGV: what was read
 * - result: 1 if it was removed, 0 if not
 *
 * `EVALSHA … 1 app:user:1 '{"id":'` → `1`
 */
export const REMOVE_IF_SAME: RedisScript = defineScript(
  'remove-if-same',
  `if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])`,
);
