import type { StatsD } from 'hot-shots';

/** What is asked of a client of hot-shots. */
export type StatsdClient = Pick<StatsD, 'increment' | 'timing' | 'gauge'>;
