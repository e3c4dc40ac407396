import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Makes a lease that is held and has not run out good for longer.
 *
 * - KEYS: the item
 * - ARGV: token, lease in ms from now
 * - result: 1, or 0 if it is not held any more
 *
 * `EVALSHA … 1 app:user:1 0123456789abcdef 10000` → `1`
 */
export const RENEW: RedisScript = defineScript(
  'renew',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 29)
${ONLY_WRONG_TYPE}
if type(head) == 'table' or string.sub(head, 1, 17) ~= '\\1' .. ARGV[1] then return 0 end
${NOW_IN_MS}
if now >= tonumber(string.sub(head, 18, 30)) then return 0 end
redis.call('SETRANGE', KEYS[1], 17, string.format('%013.0f', now + ARGV[2]))
local ttl = redis.call('PTTL', KEYS[1])
if ttl >= 0 and ttl < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`,
);
