/**
 * How often a random or exhaustive test plays: a sample in `npm test`, the whole in `npm run check:coherence`, which sets
 * `CHECK_COHERENCE=all`. Controls, which have to fail, play until they do in both.
 */
export function runCount({ sample, whole }: { readonly sample: number; readonly whole: number }): number {
  return process.env['CHECK_COHERENCE'] === 'all' ? whole : sample;
}
