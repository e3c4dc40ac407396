/**
 * A process whose wall clock is off: `shifted-process.ts <redis|postgres> <url> <name> <offset in ms>`. Makes the calls that it is
 * asked to make, each a line `["method", …arguments]`; `["now"]` asks for its time.
 */
import './shift-clock.ts';
import { createInterface } from 'node:readline';
import { openLevel } from './open-level.ts';

const [server = '', url = '', name = ''] = process.argv.slice(2);
const { call, close } = await openLevel(server, url, name);

for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...args] = JSON.parse(line) as [string, ...unknown[]];
  const answer = method === 'now' ? [Date.now(), Date.parse(new Date().toISOString())] : await call(method, ...args);
  console.log(JSON.stringify(answer ?? null));
}
await close();
