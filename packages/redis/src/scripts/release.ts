import { defineScript, type RedisScript } from '../redis-script.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Gives a lease back; a stale copy beside it stays.
 *
 * - KEYS: the item
 * - ARGV: token
 * - result: 1, or 0 if it was not held any more
 *
 * `EVALSHA … 1 app:user:1 0123456789abcdef` → `1`
 */
export const RELEASE: RedisScript = defineScript(
  'release',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' or string.sub(head, 1, 17) ~= '\\1' .. ARGV[1] then return 0 end
if string.sub(head, 73, 73) == '-' then redis.call('UNLINK', KEYS[1])
else redis.call('SETRANGE', KEYS[1], 1, '----------------0000000000000') end
return 1`,
);
