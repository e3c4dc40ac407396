import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';
import { ONLY_WRONG_TYPE } from './wrong-type.ts';

/**
 * Adds to a counter, or creates it. The lifetime is that of its creation; a counter is a plain integer unless it was
 * stored with tags.
 *
 * - KEYS: the item
 * - ARGV: amount, lifetime in ms if it is created (0 for never), stamp and tags of a frame whose tags were judged
 *   ('' for none), the judgement (`live` or `dead`)
 * - result: the sum as text; nil if what is stored, or the sum, is no safe integer; [stamp, tags] of a frame that is
 *   live unless one of its tags ended it
 *
 * `EVALSHA … 1 app:hits 1 60000 '' '' ''` → `"1"`
 */
export const INCREMENT: RedisScript = defineScript(
  'increment',
  `${NOW_IN_MS}
local head = redis.pcall('GETRANGE', KEYS[1], 0, 96)
${ONLY_WRONG_TYPE}
if type(head) == 'table' then return false end
local prefix, stored = '', false
if string.byte(head, 1) == 1 then
  local kind = string.sub(head, 73, 73)
  if (kind == 'v' or kind == 'b') and now < (tonumber(string.sub(head, 31, 43)) or 0) then
    local tagBytes = tonumber(string.sub(head, 93, 97)) or 0
    local stamp, tags = string.sub(head, 57, 72), tagBytes > 0 and redis.call('GETRANGE', KEYS[1], 97, 96 + tagBytes) or ''
    local judged = stamp == ARGV[3] and tags == ARGV[4]
    if tagBytes > 0 and not judged then return {stamp, tags} end
    if tagBytes == 0 or ARGV[5] == 'live' then
      prefix = redis.call('GETRANGE', KEYS[1], 0, 96 + tagBytes)
      stored = redis.call('GETRANGE', KEYS[1], 97 + tagBytes, -1)
    end
  end
elseif head ~= '' then
  stored = redis.call('GET', KEYS[1])
end
local sum = tonumber(ARGV[1])
if stored then
  if #stored > 17 or not (string.find(stored, '^-?[1-9]%d*$') or stored == '0' or stored == '-0') then return false end
  local count = tonumber(stored)
  if count > 9007199254740991 or count < -9007199254740991 then return false end
  sum = sum + count
end
if sum > 9007199254740991 or sum < -9007199254740991 then return false end
local text = string.format('%.0f', sum)
if text == '-0' then text = '0' end
if stored then redis.call('SET', KEYS[1], prefix .. text, 'KEEPTTL')
elseif ARGV[2] == '0' then redis.call('SET', KEYS[1], text)
else redis.call('SET', KEYS[1], text, 'PX', ARGV[2]) end
return text`,
);
