import type { RateLimiter } from '@cache/coordination';

/** An answer as HTTP would give it. */
export interface Answer {
  readonly status: 200 | 429;
  readonly headers: Readonly<Record<string, string>>;
}

/** A rate limit: so many requests of one client in a window, counted in all processes together. */
export async function greet(limiter: RateLimiter, client: string): Promise<Answer> {
  const { allowed, remaining, retryAfterInSeconds } = await limiter.hit(`client:${client}`);
  if (allowed) return { status: 200, headers: { 'RateLimit-Remaining': `${remaining}` } };
  return { status: 429, headers: { 'Retry-After': `${Math.ceil(retryAfterInSeconds)}` } };
}
