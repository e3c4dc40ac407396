import { createHash } from 'node:crypto';

/** A Lua script that the server runs as one step. */
export interface RedisScript {
  readonly name: string;
  readonly text: string;
  /** What EVALSHA calls it by. */
  readonly sha1: string;
}

/** A script of this package. The text is constant: what users give travels in KEYS and ARGV. */
export function defineScript(name: string, text: string): RedisScript {
  return { name, text, sha1: createHash('sha1').update(text, 'utf8').digest('hex') };
}
