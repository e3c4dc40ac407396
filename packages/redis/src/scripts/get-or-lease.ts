import { defineScript, type RedisScript } from '../redis-script.ts';
import { forEachKey } from './for-each-key.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Reads items, and grants the lease of each that is not fresh and that nobody else has the lease of. Each key is a step of
 * its own: they are together only to save commands, and a cluster is asked key by key.
 *
 * - KEYS: the items
 * - ARGV: lease in ms; then for each item one argument: the token (16), `f` to grant for a fresh value in a frame too or
 *   `-`, and of a frame that the caller knows more about what it knows (`d`: a tag was invalidated; `e`: a tag was
 *   expired), its stamp (16) and its tags
 * - result: server ms, then for each item 1 (granted, and nothing may be served), 0 (somebody else has the lease, and
 *   nothing may be served), or [granted (1 or 0), what is stored, PTTL]; nil if it was left alone, since those before it
 *   hold so much
 *
 * A plain value carries no lease. A frame that is dead is replaced by a lease alone, and the lease in it does not
 * count: whoever holds it began to load before the invalidation. A stale copy stays beside the lease, its key lives as
 * long as the longer of the two. Where the key's own TTL decided, the end is written into the header first.
 *
 * What is likely is tried first: a key that is not there. Without memory, or on a replica, that is refused even where there
 * is a value to answer with, so a refusal counts for nothing until there is nothing else to do.
 *
 * `EVALSHA … 1 app:user:1 10000 0123456789abcdef-` → `[1763800000000, 1]`
 */
export const GET_OR_LEASE: RedisScript = defineScript(
  'get-or-lease',
  `${NOW_IN_MS}
local leaseMs = tonumber(ARGV[1])
local leasedUntil = string.format('%013.0f', now + leaseMs)
local nothingElse = leasedUntil .. string.rep('0', 42) .. '-' .. string.rep('0', 24)
local function present(key, wish)
  local head = redis.pcall('GETRANGE', key, 0, 96)
  ${ONLY_WRONG_TYPE}
  if head ~= '' and type(head) ~= 'table' then
    if string.byte(head, 1) ~= 1 then return {0, redis.call('GET', key), redis.call('PTTL', key)} end
    if #head == 97 and not string.find(string.sub(head, 18, 56) .. string.sub(head, 93, 97), '%D') then
      local tags = string.sub(wish, 35)
      local doubted = #wish > 17 and string.sub(head, 57, 72) == string.sub(wish, 19, 34)
        and tonumber(string.sub(head, 93, 97)) == #tags and redis.call('GETRANGE', key, 97, 96 + #tags) == tags
      local dead = doubted and string.sub(wish, 18, 18) == 'd'
      local kind = string.sub(head, 73, 73)
      local servable = not dead and kind ~= '-' and now < tonumber(string.sub(head, 44, 56))
      local fresh = servable and not doubted and now < tonumber(string.sub(head, 31, 43))
      local leased = not dead and string.sub(head, 2, 17) ~= '----------------' and now < tonumber(string.sub(head, 18, 30))
      if leased or (fresh and (string.sub(wish, 17, 17) ~= 'f' or kind == 'n')) then
        return servable and {0, redis.call('GET', key), redis.call('PTTL', key)} or 0
      end
      if servable then
        local ttl = redis.call('PTTL', key)
        redis.call('SETRANGE', key, 1, string.sub(wish, 1, 16) .. leasedUntil)
        if ttl >= 0 then
          if string.sub(head, 31, 43) == '9999999999999' then
            redis.call('SETRANGE', key, 30, string.rep(string.format('%013.0f', now + ttl), 2))
          end
          if ttl < leaseMs then redis.call('PEXPIRE', key, ARGV[1]) end
        end
        return {1, redis.call('GET', key), ttl}
      end
    end
  end
  redis.call('SET', key, '\\1' .. string.sub(wish, 1, 16) .. nothingElse, 'PX', ARGV[1])
  return 1
end
local function step(key, wish)
  local taken = redis.pcall('SET', key, '\\1' .. string.sub(wish, 1, 16) .. nothingElse, 'PX', ARGV[1], 'NX')
  if type(taken) == 'table' and taken.ok then return 1 end
  return present(key, wish)
end
${forEachKey(1)}`,
);
