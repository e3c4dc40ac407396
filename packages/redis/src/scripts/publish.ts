import { defineScript, type RedisScript } from '../redis-script.ts';

/**
 * Lua: appends `message` to the stream `KEYS[#KEYS]`. The entry's id is the last one's number plus one, so that readers
 * see a missing message; a stream that is new, or was lost, begins at the server's µs, far above any number before.
 *
 * A server without memory refuses what may take more only as a script's first write. Trimming is never refused, so it goes
 * first: an invalidation is told of even then, and the stream grows no longer than it may.
 */
const APPEND = `local stream = KEYS[#KEYS]
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local number
if last then number = tonumber(string.match(last[1], '^%d+')) + 1
else local time = redis.call('TIME'); number = time[1] * 1000000 + time[2] end
redis.call('XTRIM', stream, 'MAXLEN', '~', maxLength)
redis.call('XADD', stream, string.format('%.0f', number) .. '-0', 'o', origin, 'm', message)`;

/**
 * Publishes one message.
 *
 * - KEYS: the stream
 * - ARGV: origin, message, about how many messages are kept
 * - result: 1
 *
 * `EVALSHA … 1 cache\0bus 3f2a… '[["k","user:1"]]' 10000` → `1`
 */
export const PUBLISH: RedisScript = defineScript(
  'publish',
  `local origin, message, maxLength = ARGV[1], ARGV[2], ARGV[3]
${APPEND}
return 1`,
);

/**
 * A script that does what `script` does and publishes a message, in one step: no crash comes between the two. Only on a
 * single server, where two keys are always together.
 *
 * - KEYS: those of the script, then the stream
 * - ARGV: those of the script, then those of {@link PUBLISH}
 * - result: the script's
 */
export function andPublish(script: RedisScript): RedisScript {
  return defineScript(
    `${script.name}-and-publish`,
    `local maxLength, message, origin = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
local function run()
${script.text}
end
local answer = run()
${APPEND}
return answer`,
  );
}
