import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Reads an item, and grants the lease if it is not fresh and nobody else has the lease.
 *
 * - KEYS: the item
 * - ARGV: token (16), lease in ms, stamp and tags of a frame that the caller knows more about ('' for none), what it
 *   knows (`dead`: a tag was invalidated; `expired`: a tag was expired), `1` to grant for a fresh value in a frame too
 * - result: granted (1 or 0), server ms, what is stored (nil if it may not be served), PTTL (-2 if nothing is stored)
 *
 * A plain value carries no lease. A frame that is dead is replaced by a lease alone, and the lease in it does not
 * count: whoever holds it began to load before the invalidation. A stale copy stays beside the lease, its key lives as
 * long as the longer of the two. Where the key's own TTL decided, the end is written into the header first.
 *
 * `EVALSHA … 1 app:user:1 0123456789abcdef 10000 '' '' '' 0` → `[1, 1763800000000, nil, -2]`
 */
export const GET_OR_LEASE: RedisScript = defineScript(
  'get-or-lease',
  `${NOW_IN_MS}
local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' then head = '' end
local framed = string.byte(head, 1) == 1
if head ~= '' and not framed then return {0, now, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])} end
local servable, fresh, leased = false, false, false
if framed and #head == 97 and not string.find(string.sub(head, 18, 56) .. string.sub(head, 93, 97), '%D') then
  local doubted = ARGV[3] ~= '' and string.sub(head, 57, 72) == ARGV[3] and tonumber(string.sub(head, 93, 97)) == #ARGV[4]
    and redis.call('GETRANGE', KEYS[1], 97, 96 + #ARGV[4]) == ARGV[4]
  local dead = doubted and ARGV[5] == 'dead'
  servable = not dead and string.sub(head, 73, 73) ~= '-' and now < tonumber(string.sub(head, 44, 56))
  fresh = servable and not doubted and now < tonumber(string.sub(head, 31, 43))
  leased = not dead and string.sub(head, 2, 17) ~= '----------------' and now < tonumber(string.sub(head, 18, 30))
end
if leased or (fresh and (ARGV[6] ~= '1' or string.sub(head, 73, 73) == 'n')) then
  return {0, now, servable and redis.call('GET', KEYS[1]) or false, redis.call('PTTL', KEYS[1])}
end
local lease = ARGV[1] .. string.format('%013.0f', now + ARGV[2])
if not servable then
  redis.call('SET', KEYS[1], '\\1' .. lease .. string.rep('0', 42) .. '-' .. string.rep('0', 24), 'PX', ARGV[2])
  return {1, now, false, -2}
end
local ttl = redis.call('PTTL', KEYS[1])
redis.call('SETRANGE', KEYS[1], 1, lease)
if ttl >= 0 then
  if string.sub(head, 31, 43) == '9999999999999' then
    redis.call('SETRANGE', KEYS[1], 30, string.rep(string.format('%013.0f', now + ttl), 2))
  end
  if ttl < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return {1, now, redis.call('GET', KEYS[1]), ttl}`,
);
