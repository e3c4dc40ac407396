import { CONTESTANTS, type Subject } from './contestant.ts';
import { flatKeys, randomFrom, zipf } from './random.ts';

/** Run by bench-speed in a process of its own: one contestant, one capacity, one workload; prints nanoseconds of processor time per call. */
const [name, capacityText, workload, operationsText] = process.argv.slice(2) as [string, string, string, string];
const contestant = CONTESTANTS.find((one) => one.name === name);
if (contestant === undefined) throw new Error(`Nobody is called ${name}.`);
const capacity = Number(capacityText);
const operations = Number(operationsText);
const SLICES = 10;
/** One slice more, to warm up. */
const requests = operations * (SLICES + 1);

const random = randomFrom(42);
const universe = capacity * (capacity > 50_000 ? 4 : 8);
const keys = flatKeys(universe);
const value = { id: 1, name: 'Alice' };
const order = workload.startsWith('zipf')
  ? zipf(requests, universe, 0.9, random)
  : Int32Array.from({ length: requests }, (_, i) => {
      if (workload === 'insert + evict') return (capacity + i) % universe;
      const held = Math.floor(random() * capacity);
      return workload === 'get miss' ? capacity + held : held;
    });

const subject: Subject = contestant.make(capacity);
for (let i = 0; i < capacity; i++) subject.set(keys[i] as string, value);
let found = 0;
let fastestNs = Number.POSITIVE_INFINITY;
let readHits = 0;
for (let slice = 0; slice <= SLICES; slice++) {
  found = 0;
  const from = slice * operations;
  const before = process.cpuUsage();
  if (workload === 'update' || workload === 'insert + evict') {
    for (let i = 0; i < operations; i++) subject.set(keys[order[from + i] as number] as string, value);
  } else if (workload === 'get hit, built key') {
    for (let i = 0; i < operations; i++) if (subject.get(`user:profile:${order[from + i]}`) !== undefined) found++;
  } else if (workload === 'zipf, built keys') {
    for (let i = 0; i < operations; i++) {
      const key = `user:profile:${order[from + i]}`;
      if (subject.get(key) === undefined) subject.set(key, value);
      else found++;
    }
  } else if (workload === 'zipf read-through') {
    for (let i = 0; i < operations; i++) {
      const key = keys[order[from + i] as number] as string;
      if (subject.get(key) === undefined) subject.set(key, value);
      else found++;
    }
  } else {
    for (let i = 0; i < operations; i++)
      if (subject.get(keys[order[from + i] as number] as string) !== undefined) found++;
  }
  const { user, system } = process.cpuUsage(before);
  const ns = ((user + system) * 1000) / operations;
  if (slice > 0) fastestNs = Math.min(fastestNs, ns);
  readHits = found;
}
if (workload.startsWith('get hit') && readHits !== operations) throw new Error(`${name} lost items it had room for.`);
console.log(JSON.stringify({ ns: fastestNs, hitRatio: readHits / operations }));
