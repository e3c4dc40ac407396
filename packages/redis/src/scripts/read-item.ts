import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_MS } from './server-time.ts';

/**
 * An item with its end of life, as they are at one moment.
 *
 * - KEYS: the item
 * - result: server ms, PTTL, what is stored (nil if that is no string)
 *
 * `EVALSHA … 1 app:user:1` → `[1763800000000, 299000, '{"id":1}']`
 */
export const READ_ITEM: RedisScript = defineScript(
  'read-item',
  `${NOW_IN_MS}
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'table' then stored = false end
return {now, redis.call('PTTL', KEYS[1]), stored}`,
);
