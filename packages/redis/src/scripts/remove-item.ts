import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Removes whatever is under the key, a lease and a stale copy too. A script, and not UNLINK, only because of its answer.
 *
 * - KEYS: the item
 * - result: 1 if a live item was there, 0 if not; [stamp, tags] if it is live unless one of its tags ended it
 *
 * `EVALSHA … 1 app:user:1` → `1`
 */
export const REMOVE_ITEM: RedisScript = defineScript(
  'remove-item',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if head == '' then return 0 end
if type(head) == 'table' then redis.call('UNLINK', KEYS[1]) return 0 end
local answer = 1
if string.byte(head, 1) == 1 then
  ${NOW_IN_MS}
  local kind = string.sub(head, 73, 73)
  local tagBytes = tonumber(string.sub(head, 93, 97)) or 0
  if (kind ~= 'v' and kind ~= 'b') or now >= (tonumber(string.sub(head, 31, 43)) or 0) then answer = 0
  elseif tagBytes > 0 then answer = {string.sub(head, 57, 72), redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes)} end
end
redis.call('UNLINK', KEYS[1])
return answer`,
);
