import { defineScript, type RedisScript } from '../redis-script.ts';

/**
 * How long keys have left: one command for many, where a PTTL for each costs the client more than the values.
 *
 * - KEYS: the items
 * - result: the PTTL of each
 *
 * `EVALSHA … 2 app:user:1 app:user:2` → `[299000, -2]`
 */
export const REMAINING_LIFETIMES: RedisScript = defineScript(
  'remaining-lifetimes',
  `local ttls = {}
for i = 1, #KEYS do ttls[i] = redis.call('PTTL', KEYS[i]) end
return ttls`,
);
