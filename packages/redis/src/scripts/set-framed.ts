import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';

/**
 * Stores a value with tags. It ends a lease, as every SET does.
 *
 * - KEYS: the item
 * - ARGV: lifetime in ms (0 for never), stamp, kind (`v`, `b`), tags, payload
 * - result: 1
 *
 * `EVALSHA … 1 app:user:1 300000 1763800000000000 v '["users"]' '{"id":1}'` → `1`
 */
export const SET_FRAMED: RedisScript = defineScript(
  'set-framed',
  `${NOW_IN_MS}
local fresh = ARGV[1] == '0' and 9999999999999 or now + ARGV[1]
local frame = '\\1----------------0000000000000' .. string.format('%013.0f%013.0f', fresh, fresh) .. ARGV[2] .. ARGV[3]
  .. string.format('%013.0f000000%05d', now, #ARGV[4]) .. ARGV[4] .. ARGV[5]
if ARGV[1] == '0' then redis.call('SET', KEYS[1], frame) else redis.call('SET', KEYS[1], frame, 'PX', ARGV[1]) end
return 1`,
);
