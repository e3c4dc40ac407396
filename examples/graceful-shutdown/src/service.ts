import { createServer, type Server, type ServerResponse } from 'node:http';
import type { StackCache } from '@cache/stack';

/** What a user is here. */
export interface User {
  readonly id: string;
  readonly name: string;
}

/** Tells the service that it is about to end. */
export interface Readiness {
  isEnding: boolean;
}

/**
 * `GET /users/1`, `DELETE /users/1`, and for a load balancer `GET /ready`. While it is ending, it answers as ever, says that it
 * is not ready, and asks each client to come back over another connection.
 */
export function createService(
  cache: StackCache<User>,
  loadUser: (id: string) => Promise<User>,
  readiness: Readiness,
): Server {
  return createServer((request, response) => {
    if (readiness.isEnding) response.setHeader('connection', 'close');
    answer(request.method ?? 'GET', request.url ?? '/', response).catch(() => send(response, 500, { error: 'failed' }));
  });

  async function answer(method: string, path: string, response: ServerResponse): Promise<void> {
    const [, id] = /^\/users\/(\w+)$/.exec(path) ?? [];
    if (path === '/ready') {
      const health = await cache.health();
      // Degraded is ready: every request is answered, if more slowly.
      send(response, readiness.isEnding ? 503 : 200, health);
    } else if (id !== undefined && method === 'DELETE') {
      await cache.removeItem(`user:${id}`);
      send(response, 200, { removed: id });
    } else if (id !== undefined) {
      send(response, 200, await cache.getOrSet(`user:${id}`, () => loadUser(id), 60));
    } else send(response, 404, { error: 'not found' });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
