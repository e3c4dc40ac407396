import { join } from 'node:path';
import { type Asynchronous, CacheStatistics, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ExplorerService } from '../src/explorer-service.ts';
import { type HttpServer, startHttpServer } from '../src/http-server.ts';
import { LoadDriver } from '../src/load-driver.ts';
import { PackageCatalogue } from '../src/package-catalogue.ts';
import { PackageTree } from './package-tree.ts';

let tree: PackageTree;
let folder: string;
let server: HttpServer;
let cache: Asynchronous<InMemoryCache>;
let statistics: CacheStatistics;

beforeEach(async () => {
  tree = new PackageTree();
  folder = tree.install({ name: '@scope/left', version: '1.0.0', manifest: { license: '<script>alert(1)</script>' } });
  statistics = new CacheStatistics();
  cache = toAsync(new InMemoryCache({ maxSize: 100, hooks: statistics }));
  server = await startHttpServer({
    service: new ExplorerService(new PackageCatalogue([tree.root]), cache),
    statistics,
  });
});

afterEach(async () => {
  await server.close();
  tree.remove();
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}${path}`, init);
}

describe('an answer', () => {
  test('says whether it came from the cache, and that stays so until it is purged', async () => {
    const first = await ask('/packages/@scope/left');
    expect(first.headers.get('cache-status')).toBe('package-explorer; fwd=miss; stored');
    expect(await first.json()).toMatchObject({ name: '@scope/left', fileCount: 1 });

    tree.write(join(folder, 'more.js'), 'more');
    const second = await ask('/packages/@scope%2Fleft');
    expect(second.headers.get('cache-status')).toBe('package-explorer; hit');
    expect(await second.json()).toMatchObject({ fileCount: 1 });

    const purged = await ask('/packages/@scope/left', { method: 'PURGE' });
    expect(await purged.json()).toEqual({ name: '@scope/left', wasCached: true });
    expect(await (await ask('/packages/@scope/left')).json()).toMatchObject({ fileCount: 2 });
  });

  test('comes from the disk when the request wants no cache', async () => {
    await ask('/packages/@scope/left');
    const answer = await ask('/packages/@scope/left', { headers: { 'cache-control': 'no-cache' } });
    expect(answer.headers.get('cache-status')).toBe('package-explorer; fwd=request');
  });

  test('is a page for a browser, with other people’s text escaped', async () => {
    for (const path of ['/', '/packages/@scope/left']) {
      const page = await ask(path, { headers: { accept: 'text/html,*/*' } });
      const html = await page.text();
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(html).toContain('from the disk, and now cached');
      expect(html).toContain('&#60;script&#62;');
      expect(html).not.toContain('<script');
    }
  });

  test('to HEAD has no body', async () => {
    const answer = await ask('/packages/@scope/left', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('');
  });

  test('about everything there is: packages, licences and what the cache counted', async () => {
    expect(await (await ask('/packages')).json()).toMatchObject([{ name: '@scope/left' }]);
    expect(await (await ask('/licences')).json()).toMatchObject([{ packageCount: 1 }]);
    expect(await (await ask('/statistics')).json()).toMatchObject([{ hits: 1, misses: 1, sets: 1 }]);
  });
});

describe('a request that cannot be answered', () => {
  test.each([
    ['GET', '/packages/nobody', 404, 'PACKAGE_NOT_FOUND'],
    ['GET', '/packages/..%2f..%2fetc%2fpasswd', 400, 'BAD_PACKAGE_NAME'],
    ['GET', `/packages/${'x'.repeat(2_000)}`, 400, 'BAD_PACKAGE_NAME'],
    ['GET', '/packages/', 400, 'BAD_PACKAGE_NAME'],
    ['GET', '/packages/%E0%A4%A', 400, 'BAD_PATH'],
    ['GET', '/nothing-here', 404, 'PAGE_NOT_FOUND'],
    ['POST', '/packages/left', 405, 'METHOD_NOT_ALLOWED'],
    ['PURGE', '/packages', 405, 'METHOD_NOT_ALLOWED'],
  ])('%s %s gets %i with %s, and the next one is answered', async (method, path, status, code) => {
    const answer = await ask(path, { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ error: { code, message: expect.any(String) } });
    expect((await ask('/packages/@scope/left')).status).toBe(200);
  });

  test('for its method is told which ones there are', async () => {
    expect((await ask('/packages/left', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD, PURGE');
  });
});

test('while the cache is out of service, questions are answered from the disk and a purge is refused', async () => {
  await cache.close();
  const answer = await ask('/packages/@scope/left');
  expect(answer.headers.get('cache-status')).toBe('package-explorer; fwd=bypass; detail=outage');
  expect(await answer.json()).toMatchObject({ name: '@scope/left' });
  const purge = await ask('/packages/@scope/left', { method: 'PURGE' });
  expect(purge.status).toBe(503);
  expect(await purge.json()).toMatchObject({ error: { code: 'ERR_CACHE_CLOSED' } });
});

test('what fails within is logged here and not told to the client', async () => {
  const log = jest.spyOn(console, 'error').mockImplementation(() => {});
  jest.spyOn(statistics, 'snapshot').mockImplementation(() => {
    throw new Error('an inner matter');
  });
  const answer = await ask('/statistics');
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('an inner matter');
  expect(log).toHaveBeenCalledWith('GET /statistics failed:', new Error('an inner matter'));
  log.mockRestore();
});

test('a port that is taken is an error, not a crash', async () => {
  const port = Number(new URL(server.url).port);
  const service = new ExplorerService(new PackageCatalogue([tree.root]), toAsync(new InMemoryCache({ maxSize: 1 })));
  const second = startHttpServer({ service, statistics: new CacheStatistics(), port });
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('the load driver goes through its list as often as asked, and stops at an answer that is no success', async () => {
  const driver = new LoadDriver(server.url);
  const paths = ['/packages/@scope/left', '/packages'];
  expect((await driver.drive(paths, { concurrency: 4 })).requestCount).toBe(2);
  expect((await driver.drive(paths, { concurrency: 1, minDurationMs: 50 })).requestCount).toBeGreaterThan(2);
  expect((await driver.drive(paths, { concurrency: 1, maxDurationMs: 0 })).requestCount).toBe(0);
  await expect(driver.drive(['/packages/nobody'], { concurrency: 1 })).rejects.toThrow('answered with 404');
  driver.close();
});
