import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Stores a value unless a live one is there. A lease, a stale copy and a negative entry are no live values.
 *
 * - KEYS: the item
 * - ARGV: lifetime in ms (0 for never), stamp ('' for a plain value), kind (`v`, `b`), tags, payload,
 *   stamp and tags of a frame that a tag has ended ('' for none)
 * - result: 1 if it was stored, 0 if not; [stamp, tags] of what is in the way unless one of its tags ended it
 *
 * `EVALSHA … 1 app:job:1 60000 '' v '' '"me"' '' ''` → `1`
 */
export const SET_WITH_NX: RedisScript = defineScript(
  'set-with-nx',
  `${NOW_IN_MS}
local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' then head = '' end
if head ~= '' then
  if string.byte(head, 1) ~= 1 then return 0 end
  local kind = string.sub(head, 73, 73)
  if (kind == 'v' or kind == 'b') and now < (tonumber(string.sub(head, 31, 43)) or 0) then
    local tagBytes = tonumber(string.sub(head, 93, 97)) or 0
    if tagBytes == 0 then return 0 end
    local stamp, tags = string.sub(head, 57, 72), redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes)
    if stamp ~= ARGV[6] or tags ~= ARGV[7] then return {stamp, tags} end
  end
end
local stored = ARGV[5]
if ARGV[2] ~= '' then
  local fresh = ARGV[1] == '0' and 9999999999999 or now + ARGV[1]
  stored = '\\1----------------0000000000000' .. string.format('%013.0f%013.0f', fresh, fresh) .. ARGV[2] .. ARGV[3]
    .. string.format('%013.0f000000%05d', now, #ARGV[4]) .. ARGV[4] .. ARGV[5]
end
if ARGV[1] == '0' then redis.call('SET', KEYS[1], stored) else redis.call('SET', KEYS[1], stored, 'PX', ARGV[1]) end
return 1`,
);
