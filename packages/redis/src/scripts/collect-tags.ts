import { defineScript, type RedisScript } from '../redis-script.ts';

/**
 * Forgets invalidations of tags up to a sequence. The floor is raised first: what carries an older stamp is a miss from
 * then on, so forgetting never makes a value live again.
 *
 * - KEYS: the tag hash
 * - ARGV: the sequence, then fields, at most 1,000
 * - result: how many fields were removed; one that got a newer sequence meanwhile stays
 *
 * `EVALSHA … 1 app:\0tags 1763800000000000 tusers torders` → `2`
 */
export const COLLECT_TAGS: RedisScript = defineScript(
  'collect-tags',
  `local floor = redis.call('HGET', KEYS[1], '_')
if not floor then return 0 end
if floor < ARGV[1] then redis.call('HSET', KEYS[1], '_', ARGV[1]) end
local count = 0
for i = 2, #ARGV do
  local sequence = redis.call('HGET', KEYS[1], ARGV[i])
  if sequence and sequence <= ARGV[1] then count = count + redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return count`,
);
