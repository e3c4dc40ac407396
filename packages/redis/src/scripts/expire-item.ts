import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Makes an item stale from now on and ends its lease. An item without a stale window, and one that never expires, is
 * removed.
 *
 * - KEYS: the item
 * - result: 1 if a live item was there, 0 if not; [stamp, tags] if it was live unless one of its tags ended it
 *
 * `EVALSHA … 1 app:user:1` → `1`
 */
export const EXPIRE_ITEM: RedisScript = defineScript(
  'expire-item',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if head == '' then return 0 end
if type(head) == 'table' then redis.call('UNLINK', KEYS[1]) return 0 end
if string.byte(head, 1) ~= 1 then redis.call('UNLINK', KEYS[1]) return 1 end
${NOW_IN_MS}
local fresh, stale = tonumber(string.sub(head, 31, 43)) or 0, tonumber(string.sub(head, 44, 56)) or 0
local kind, tagBytes = string.sub(head, 73, 73), tonumber(string.sub(head, 93, 97)) or 0
local answer = 0
if (kind == 'v' or kind == 'b') and fresh > now then
  answer = 1
  if tagBytes > 0 then answer = {string.sub(head, 57, 72), redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes)} end
end
if (kind ~= 'v' and kind ~= 'b') or stale <= now or stale == fresh then redis.call('UNLINK', KEYS[1]) return answer end
if fresh > now then stale = now + (stale - fresh) fresh = now end
redis.call('SETRANGE', KEYS[1], 1, '----------------0000000000000' .. string.format('%013.0f%013.0f', fresh, stale))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', stale - now))
return answer`,
);
