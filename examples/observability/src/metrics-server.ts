import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ObservedCache } from './observed-cache.ts';

/** A server that listens. */
export interface MetricsServer extends AsyncDisposable {
  readonly url: string;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Loads what a user asks for; `undefined` if there is no such user. */
export type LoadUser = (id: string) => Promise<{ readonly name: string } | undefined>;

/** Serves `/users/<id>` from the cache, `/metrics` for Prometheus and `/statistics` for people, on 127.0.0.1. */
export async function startMetricsServer(
  observed: ObservedCache,
  loadUser: LoadUser,
  port = 0,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const { status, type, body } = await replyTo(request, observed, loadUser).catch(
      (): Reply => text(500, 'The server failed.\n'),
    );
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function replyTo(
  { url = '/' }: IncomingMessage,
  { cache, register, statistics }: ObservedCache,
  loadUser: LoadUser,
): Promise<Reply> {
  if (url === '/metrics') return { status: 200, type: register.contentType, body: await register.metrics() };
  if (url === '/statistics') return text(200, `${statistics}\n`);
  const [, id] = /^\/users\/([a-z0-9-]{1,40})$/.exec(url) ?? [];
  if (id === undefined) return text(404, 'Try /users/1, /metrics or /statistics.\n');
  const user = await cache.getOrSet(`user:${id}`, () => loadUser(id), { expirationInSeconds: 60 });
  if (user === undefined) return text(404, 'There is no such user.\n');
  return { status: 200, type: 'application/json', body: `${JSON.stringify(user)}\n` };
}

function text(status: number, body: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body };
}
