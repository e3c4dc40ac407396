import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { compressed } from '@cache/compression';
import { jsonSerializer } from '@cache/core';
import * as lz4 from 'lz4-napi';

/**
 * For each file named on standard input: what becomes of the payload in it, and by how many KiB the most memory that
 * this process ever had in use grew meanwhile. `naive <file>` decompresses gzip without any limit.
 */
const serializer = compressed(jsonSerializer(), { lz4 });

async function open(question: string): Promise<unknown> {
  const [name = '', path = ''] = question.split(' ');
  const payload = readFileSync(path || name);
  const before = process.resourceUsage().maxRSS;
  let answer: unknown;
  try {
    answer = path === '' ? await serializer.deserialize(payload) : gunzipSync(payload).length;
  } catch (error) {
    answer = (error as { code?: unknown }).code;
  }
  return { answer, grownKibibytes: process.resourceUsage().maxRSS - before };
}

for await (const question of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await open(question)));
}
