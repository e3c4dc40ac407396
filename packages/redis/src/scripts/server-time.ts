/** Lua: `now`, the server's clock in milliseconds. No script and no reader ever compares it with another clock. */
export const NOW_IN_MS = `local now = redis.call('TIME'); now = now[1] * 1000 + math.floor(now[2] / 1000)`;

/** Lua: `now`, the server's clock in microseconds. */
export const NOW_IN_US = `local now = redis.call('TIME'); now = now[1] * 1000000 + now[2]`;
