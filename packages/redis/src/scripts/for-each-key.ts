/**
 * Lua: after `local function step(key, …)`, runs it on each key with `argCount` arguments of its own and answers with the
 * replies, the server's clock (`now`) before them. What a step throws is its own reply: Redis 7 throws a table with the
 * error, older ones its text.
 */
export function forEachKey(argCount: 1 | 2): string {
  const own = argCount === 1 ? 'ARGV[i + 1]' : 'ARGV[2 * i], ARGV[2 * i + 1]';
  return `local replies = {now}
for i = 1, #KEYS do
  local ok, reply = pcall(step, KEYS[i], ${own})
  if not ok and type(reply) ~= 'table' then reply = {err = tostring(reply)} end
  replies[i + 1] = reply
end
return replies`;
}
