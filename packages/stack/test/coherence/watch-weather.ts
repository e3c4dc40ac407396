import { expect } from '@jest/globals';
import { type Backend, complaints, runCoherence, type Weather } from './coherence-run.ts';

const BOUND_MS = 2_000;

/**
 * Fails if the shared store shows anything stale, a first level anything older than its bound, or cache-aside nothing at all.
 * On a busy machine few writes fit into the time: cache-aside is given another chance to show that it is wrong.
 */
export async function watchWeather(backend: Backend, weather: Weather, seconds: number): Promise<void> {
  let found: string[] = [];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    found = complaints(await runCoherence(backend, weather, seconds * (attempt + 1)), BOUND_MS);
    if (found.length === 0 || found.some((complaint) => !complaint.startsWith('naive'))) break;
  }
  expect(found).toEqual([]);
}
