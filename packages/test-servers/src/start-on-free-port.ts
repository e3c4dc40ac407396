import { freePort } from './free-port.ts';

/**
 * Calls `start` with a free port. Between the look and the server's own bind another process may take it, so a start that
 * fails is tried on two more ports before its error counts.
 */
export async function startOnFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
