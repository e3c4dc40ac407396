import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Serves a registry as an application does. */
export async function startScrapeServer(register: Registry): Promise<AsyncDisposable & { scrape(): Promise<string> }> {
  const server = createServer((_, response) => {
    register.metrics().then(
      (body) => response.setHeader('content-type', register.contentType).end(body),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  return {
    async scrape() {
      const response = await fetch(url);
      const body = await response.text();
      if (!response.ok) throw new Error(body);
      return body;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
