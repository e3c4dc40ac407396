import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CacheStatistics } from '@cache/core';
import type { ExplorerService } from './explorer-service.ts';
import { inventoryPage, packagePage } from './html-pages.ts';
import { isOutage } from './outage.ts';
import type { Answer, AnswerOrigin } from './read-through.ts';

/** What is served and where. */
export interface HttpServerOptions {
  readonly service: ExplorerService;
  /** Shown at `/statistics`. */
  readonly statistics: CacheStatistics;
  /**
   * The port on 127.0.0.1.
   * @default 0, any free one
   */
  readonly port?: number;
}

/** A server that listens. */
export interface HttpServer {
  readonly url: string;
  /** Lets requests under way finish, for at most two seconds. */
  close(): Promise<void>;
}

const CLOSE_LIMIT_MS = 2_000;
const MAX_NAME_LENGTH = 214;
const PACKAGE_PATH = '/packages/';

/** The answer's origin in the words of RFC 9211, "The Cache-Status HTTP Response Header Field". */
const CACHE_STATUS: Readonly<Record<AnswerOrigin, string>> = {
  cache: 'package-explorer; hit',
  load: 'package-explorer; fwd=miss; stored',
  unstored: 'package-explorer; fwd=miss',
  shared: 'package-explorer; fwd=miss; collapsed',
  bypass: 'package-explorer; fwd=request',
  outage: 'package-explorer; fwd=bypass; detail=outage',
};

/** What goes back to the client. */
interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request asked for cannot be given; `code` says why. */
class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Serves the explorer over HTTP: `GET /packages`, `/packages/<name>`, `/licences` and `/statistics` give JSON, the first two
 * a page to whoever takes HTML; `PURGE /packages/<name>` invalidates; `Cache-Control: no-cache` asks the file system.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer(async (request, response) => {
    const { status, headers, body } = await replyTo(request, options).catch((error) => replyToError(request, error));
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const limit = setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(limit);
    },
  };
}

async function replyTo(request: IncomingMessage, { service, statistics }: HttpServerOptions): Promise<Reply> {
  const path = decodePath(request.url ?? '/');
  const freshness = /no-cache|no-store/.test(request.headers['cache-control'] ?? '') ? 'fresh' : 'cached';
  const startedAt = performance.now();

  if (path.startsWith(PACKAGE_PATH)) {
    const name = packageName(path);
    allow(request, 'GET', 'HEAD', 'PURGE');
    if (request.method === 'PURGE') return json(200, { name, wasCached: await service.forget(name) });
    const answer = await service.describe(name, freshness);
    if (answer === undefined) throw new RequestError(404, 'PACKAGE_NOT_FOUND', `No package "${name}" is installed.`);
    return replyWith(request, answer, startedAt, packagePage);
  }
  allow(request, 'GET', 'HEAD');
  if (path === '/' || path === '/packages') {
    return replyWith(request, await service.inventory(freshness), startedAt, inventoryPage);
  }
  if (path === '/licences') return replyWith(request, await service.licences(freshness), startedAt);
  if (path === '/statistics') return json(200, statistics.snapshot());
  throw new RequestError(404, 'PAGE_NOT_FOUND', 'There is nothing here: try /packages, /packages/<name> or /licences.');
}

function decodePath(url: string): string {
  try {
    return decodeURIComponent(url.split('?', 1)[0] ?? '/');
  } catch {
    throw new RequestError(400, 'BAD_PATH', 'The path is not well-formed.');
  }
}

function packageName(path: string): string {
  const name = path.slice(PACKAGE_PATH.length);
  if (name.length <= MAX_NAME_LENGTH && /^(@[\w.~-]+\/)?[\w.~-]+$/.test(name)) return name;
  throw new RequestError(400, 'BAD_PACKAGE_NAME', 'A package name looks like "jest" or "@babel/core".');
}

function allow(request: IncomingMessage, ...methods: readonly string[]): void {
  if (methods.includes(request.method ?? '')) return;
  const allowed = methods.join(', ');
  throw new RequestError(405, 'METHOD_NOT_ALLOWED', `Allowed here: ${allowed}.`, { allow: allowed });
}

function replyWith<T>(
  request: IncomingMessage,
  { value, origin }: Answer<T>,
  startedAt: number,
  page?: (value: T, origin: AnswerOrigin, durationMs: number) => string,
): Reply {
  const durationMs = performance.now() - startedAt;
  const headers = {
    'cache-status': CACHE_STATUS[origin],
    'server-timing': `answer;dur=${durationMs.toFixed(3)}`,
    vary: 'accept',
  };
  if (page === undefined || !request.headers.accept?.includes('text/html')) return json(200, value, headers);
  return {
    status: 200,
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    },
    body: page(value, origin, durationMs),
  };
}

function replyToError(request: IncomingMessage, error: unknown): Reply {
  if (error instanceof RequestError) {
    return json(error.status, { error: { code: error.code, message: error.message } }, error.headers);
  }
  if (isOutage(error)) {
    const message = 'The cache does not answer, so it is unknown whether anything was invalidated. Try again.';
    return json(503, { error: { code: error.code, message } });
  }
  console.error(`${request.method} ${request.url} failed:`, error);
  return json(500, { error: { code: 'INTERNAL', message: 'The server failed; its log says why.' } });
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  const type = { 'content-type': 'application/json; charset=utf-8' };
  return { status, headers: { ...headers, ...type }, body: `${JSON.stringify(body)}\n` };
}
