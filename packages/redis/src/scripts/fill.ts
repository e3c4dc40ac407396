import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';

/**
 * Stores what was loaded, if the lease is still in the key: a grant to somebody else, a SET, an UNLINK, an expiry by
 * call and the end of the key each take it away, so between grant and fill there was none of these.
 *
 * - KEYS: the item
 * - ARGV: token, lifetime in ms (0 for never), stale window in ms, stamp, kind (`p` plain, `v`, `b`, `n`),
 *   load duration (6 digits), tags, payload
 * - result: 1, or 0 if it was fenced off
 *
 * `EVALSHA … 1 app:user:1 0123456789abcdef 300000 0 0000000000000000 p 000000 '' '{"id":1}'` → `1`
 */
export const FILL: RedisScript = defineScript(
  'fill',
  `if redis.pcall('GETRANGE', KEYS[1], 0, 16) ~= '\\1' .. ARGV[1] then return 0 end
${NOW_IN_MS}
local never = ARGV[2] == '0'
local fresh = never and 9999999999999 or now + ARGV[2]
local stale = never and fresh or fresh + ARGV[3]
local stored = ARGV[8]
if ARGV[5] ~= 'p' then
  stored = '\\1----------------0000000000000' .. string.format('%013.0f%013.0f', fresh, stale) .. ARGV[4] .. ARGV[5]
    .. string.format('%013.0f', now) .. ARGV[6] .. string.format('%05d', #ARGV[7]) .. ARGV[7] .. ARGV[8]
end
if never then redis.call('SET', KEYS[1], stored)
else redis.call('SET', KEYS[1], stored, 'PX', string.format('%.0f', ARGV[2] + ARGV[3])) end
return 1`,
);
