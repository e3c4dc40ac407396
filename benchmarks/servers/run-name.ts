import { randomBytes } from 'node:crypto';

/** A name for everything that one run stores: nobody else's items carry it. */
export function runName(): string {
  return `cache_bench_${randomBytes(4).toString('hex')}`;
}
