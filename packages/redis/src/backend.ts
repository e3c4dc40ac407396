/** What errors and hooks call this backend. */
export const BACKEND = 'redis';
