import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_US } from './server-time.ts';

/**
 * Invalidates or expires tags: each gets the next sequence, max(last + 1, server µs). A bare counter would be wrong:
 * after a tail of writes is lost it gives the same number twice, and the second invalidation has no effect on what
 * was stamped with the first.
 *
 * - KEYS: the tag hash
 * - ARGV: `t` to invalidate or `s` to expire, then the tags, at most 1,000
 * - result: the sequence, 16 digits
 *
 * `EVALSHA … 1 app:\0tags t users` → `"1763800000000001"`
 */
export const END_TAGS: RedisScript = defineScript(
  'end-tags',
  `${NOW_IN_US}
local last = redis.call('HGET', KEYS[1], '#')
if last and tonumber(last) >= now then now = tonumber(last) + 1 end
local sequence = string.format('%016.0f', now)
if not last then redis.call('HSET', KEYS[1], '_', sequence) end
local fields = {'#', sequence}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[1] .. ARGV[i]; fields[#fields + 1] = sequence end
redis.call('HSET', KEYS[1], unpack(fields))
return sequence`,
);

/** How many tags one call of {@link END_TAGS} takes: Lua's `unpack` has a limit. */
export const MAX_TAGS_PER_SCRIPT = 1_000;
