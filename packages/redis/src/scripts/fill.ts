import { defineScript, type RedisScript } from '../redis-script.ts';
import { forEachKey } from './for-each-key.ts';
import { NOW_IN_MS } from './server-time.ts';

/**
 * Stores what was loaded, each item if its lease is still in the key: a grant to somebody else, a SET, an UNLINK, an expiry
 * by call and the end of the key each take it away, so between grant and fill there was none of these. Each key is a step
 * of its own: they are together only to save commands, and a cluster is told key by key.
 *
 * - KEYS: the items
 * - ARGV: '', then for each item two arguments: its description, and what is stored. The description is `\x01` and the token
 *   (16), the lifetime in ms (13 digits, zeros for never), the stale window in ms (13 digits), and for a frame the stamp (16)
 *   and the kind (`v`, `b`, `n`). What is stored is a plain payload, or what follows "stored at" in a frame
 * - result: server ms, then for each item 1, or 0 if it was fenced off
 *
 * `EVALSHA … 1 app:user:1 '' '\x010123456789abcdef00000003000000000000000000' '{"id":1}'` → `[1763800000000, 1]`
 */
export const FILL: RedisScript = defineScript(
  'fill',
  `${NOW_IN_MS}
local storedAt = string.format('%013.0f', now)
local lifetimes, before, px = '', '', false
local function step(key, description, stored)
  if redis.pcall('GETRANGE', key, 0, 16) ~= string.sub(description, 1, 17) then return 0 end
  if string.sub(description, 18, 43) ~= lifetimes then
    lifetimes = string.sub(description, 18, 43)
    local fresh, stale = tonumber(string.sub(lifetimes, 1, 13)), tonumber(string.sub(lifetimes, 14))
    local ends = '99999999999999999999999999'
    if fresh == 0 then px = false
    else
      px = string.format('%.0f', fresh + stale)
      ends = string.format('%013.0f%013.0f', now + fresh, now + fresh + stale)
    end
    before = '\\1----------------0000000000000' .. ends
  end
  if #description > 43 then stored = before .. string.sub(description, 44) .. storedAt .. stored end
  if px then redis.call('SET', key, stored, 'PX', px) else redis.call('SET', key, stored) end
  return 1
end
${forEachKey(2)}`,
);
