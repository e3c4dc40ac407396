import { defineScript, type RedisScript } from '../redis-script.ts';
import { NOW_IN_US } from './server-time.ts';

/**
 * The tags' sequence. Where there is none, because it was never needed or was lost, a new one begins at the server's
 * time in µs, above every stamp ever given, with itself as the floor: what is stored with an older stamp is a miss.
 *
 * - KEYS: the tag hash: `#` last sequence, `_` floor, `t<tag>` and `s<tag>` sequence of the tag's last invalidation
 *   and last expiry
 * - result: the sequence, 16 digits
 *
 * `EVALSHA … 1 app:\0tags` → `"1763800000000000"`
 */
export const TAG_SEQUENCE: RedisScript = defineScript(
  'tag-sequence',
  `local sequence = redis.call('HGET', KEYS[1], '#')
if sequence then return sequence end
${NOW_IN_US}
sequence = string.format('%016.0f', now)
redis.call('HSET', KEYS[1], '#', sequence, '_', sequence)
return sequence`,
);
