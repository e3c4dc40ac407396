/** What one run answers with at most, but for the last item: the server copies it, and serves nobody else meanwhile. */
export const MAX_BYTES_PER_RUN: number = 262_144;

/**
 * Lua: after `local function step(key, …)`, runs it on each key with `argCount` arguments of its own and answers with the
 * replies, the server's clock (`now`) before them. What a step throws is its own reply: Redis 7 throws a table with the
 * error, older ones its text. Once the values that steps have answered with, second in their replies, are too many bytes,
 * the remaining keys are left alone: nil says so.
 */
export function forEachKey(argCount: 1 | 2): string {
  const own = argCount === 1 ? 'ARGV[i + 1]' : 'ARGV[2 * i], ARGV[2 * i + 1]';
  return `local replies, bytes = {now}, 0
for i = 1, #KEYS do
  local ok, reply = true, false
  if bytes < ${MAX_BYTES_PER_RUN} then
    ok, reply = pcall(step, KEYS[i], ${own})
    if not ok and type(reply) ~= 'table' then reply = {err = tostring(reply)} end
    if type(reply) == 'table' and reply[2] then bytes = bytes + #reply[2] end
  end
  replies[i + 1] = reply
end
return replies`;
}
