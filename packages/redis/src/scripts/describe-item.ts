import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Everything about an item but its payload.
 *
 * - KEYS: the item
 * - result: server ms, PTTL, the header (`plain` for a plain value, '' if nothing is there), the tags
 *
 * `EVALSHA … 1 app:user:1` → `[1763800000000, 299000, 'plain', '']`
 */
export const DESCRIBE_ITEM: RedisScript = defineScript(
  'describe-item',
  `${NOW_IN_MS}
local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' or head == '' then return {now, -2, '', ''} end
local tags = ''
if string.byte(head, 1) == 1 then
  local tagBytes = tonumber(string.sub(head, 93, 97)) or 0
  if tagBytes > 0 then tags = redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes) end
else head = 'plain' end
return {now, redis.call('PTTL', KEYS[1]), head, tags}`,
);
