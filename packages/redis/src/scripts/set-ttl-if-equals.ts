import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Gives an item another lifetime if it is live and holds these bytes. Its tags, its lease and the length of its stale
 * window stay. The header of a frame says the new end even where the key's own TTL decided so far: beside a lease the key
 * lives for as long as the lease.
 *
 * - KEYS: the item
 * - ARGV: payload, lifetime in ms from now (0 for never), stamp and tags of a frame whose tags were judged live ('' for
 *   none)
 * - result: 1 if it has the lifetime, 0 if not; [stamp, tags] of a frame that is live unless one of its tags ended it
 *
 * `EVALSHA … 1 app:lock '"token"' 10000 '' ''` → `1`
 */
export const SET_TTL_IF_EQUALS: RedisScript = defineScript(
  'set-ttl-if-equals',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' or head == '' then return 0 end
local keepMs = tonumber(ARGV[2])
if string.byte(head, 1) == 1 then
  ${NOW_IN_MS}
  local kind, tagBytes = string.sub(head, 73, 73), tonumber(string.sub(head, 93, 97)) or 0
  local fresh, stale = tonumber(string.sub(head, 31, 43)) or 0, tonumber(string.sub(head, 44, 56)) or 0
  if (kind ~= 'v' and kind ~= 'b') or now >= fresh then return 0 end
  if redis.call('GETRANGE', KEYS[1], 97 + tagBytes, -1) ~= ARGV[1] then return 0 end
  if tagBytes > 0 then
    local stamp, tags = string.sub(head, 57, 72), redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes)
    if stamp ~= ARGV[3] or tags ~= ARGV[4] then return {stamp, tags} end
  end
  local ends = '99999999999999999999999999'
  if keepMs > 0 then
    ends = string.format('%013.0f%013.0f', now + keepMs, now + keepMs + (stale - fresh))
    keepMs = keepMs + (stale - fresh)
  end
  redis.call('SETRANGE', KEYS[1], 30, ends)
  local leased = (tonumber(string.sub(head, 18, 30)) or 0) - now
  if keepMs > 0 and keepMs < leased then keepMs = leased end
elseif redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if keepMs == 0 then redis.call('PERSIST', KEYS[1])
else redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keepMs)) end
return 1`,
);
