import { PerformanceObserver } from 'node:perf_hooks';
import { CONTESTANTS } from './contestant.ts';
import { flatKeys } from './random.ts';

/** Run by bench-footprint in a process of its own: bytes per item beyond keys and values, and pauses while items come and go. */
const [name, countText] = process.argv.slice(2) as [string, string];
const contestant = CONTESTANTS.find((one) => one.name === name);
if (contestant === undefined) throw new Error(`Nobody is called ${name}.`);
const count = Number(countText);
const collect = globalThis.gc as () => void;
const BATCH = 100;

function usedBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const keys = flatKeys(3 * count);
const value = { id: 1 };
const before = usedBytes();
const subject = contestant.make(count);
let worstFillMs = 0;
for (let i = 0; i < count; i += BATCH) {
  const start = performance.now();
  for (let k = i; k < i + BATCH; k++) subject.set(keys[k] as string, value);
  worstFillMs = Math.max(worstFillMs, performance.now() - start);
}
const bytesFull = (usedBytes() - before) / count;

let collectedMs = 0;
const observer = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectedMs += duration;
});
observer.observe({ entryTypes: ['gc'] });
let worstMs = 0;
const churnStart = performance.now();
for (let i = count; i < 3 * count; i += BATCH) {
  const start = performance.now();
  for (let k = i; k < i + BATCH; k++) subject.set(keys[k] as string, value);
  worstMs = Math.max(worstMs, performance.now() - start);
}
const nsPerSet = ((performance.now() - churnStart) * 1e6) / (2 * count);
const bytesChurned = (usedBytes() - before) / count;
await new Promise((resolve) => setTimeout(resolve, 10));
// Also keeps the keys alive: they must not count as freed.
if (keys.some((key) => key === 'nobody') || subject.get('nobody') !== undefined)
  throw new Error('found what was never stored');
console.log(JSON.stringify({ bytesFull, bytesChurned, worstFillMs, worstMs, nsPerSet, collectedMs }));
