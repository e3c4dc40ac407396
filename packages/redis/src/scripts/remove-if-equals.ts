import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Removes an item if it is live and holds these bytes.
 *
 * - KEYS: the item
 * - ARGV: payload
 * - result: 1 if it was removed, 0 if not; [stamp, tags] if it was removed and was live unless one of its tags ended it
 *
 * `EVALSHA … 1 app:lock '"token"'` → `1`
 */
export const REMOVE_IF_EQUALS: RedisScript = defineScript(
  'remove-if-equals',
  `local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' or head == '' then return 0 end
local answer = 1
if string.byte(head, 1) == 1 then
  ${NOW_IN_MS}
  local kind, tagBytes = string.sub(head, 73, 73), tonumber(string.sub(head, 93, 97)) or 0
  if (kind ~= 'v' and kind ~= 'b') or now >= (tonumber(string.sub(head, 31, 43)) or 0) then return 0 end
  if redis.call('GETRANGE', KEYS[1], 97 + tagBytes, -1) ~= ARGV[1] then return 0 end
  if tagBytes > 0 then answer = {string.sub(head, 57, 72), redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes)} end
elseif redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1])
return answer`,
);
