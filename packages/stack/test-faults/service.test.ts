import { type Server, startProxy, type TcpProxy, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import {
  BACKENDS,
  type Backend,
  type BackendName,
  backendOf,
  YOUR_BACKENDS,
  type YourBackendName,
} from './backends.ts';
import { type Service, startService } from './service.ts';

/** A loader, and at most one deadline of the second level: 500 ms to write. The rest is room for a busy machine. */
const SETTLED_LIMIT_MS = 2_500;

/** Two seconds are promised, and proven by manual time in test/circuit-breaker.test.ts; the rest is room for a busy machine. */
const RECOVERY_LIMIT_MS = 30_000;

const START_LIMIT_MS = 60_000;

/** What happens to a server, and how it ends. */
interface Fault {
  readonly row: string;
  readonly fault: string;
  strike(server: Server, proxy: TcpProxy): unknown;
  mend(server: Server, proxy: TcpProxy): unknown;
  /** How long its reports are looked at, so that there is more than one attempt to recover. */
  readonly lastsForAnswers: number;
}

const FAULTS: readonly Fault[] = [
  {
    row: 'row 19',
    fault: 'refused',
    strike: (_, proxy) => proxy.refuse(),
    mend: (_, proxy) => proxy.restore(),
    lastsForAnswers: 2_000,
  },
  {
    row: 'row 20',
    fault: 'killed, and restarted',
    strike: (server) => server.kill(),
    mend: (server) => server.restart(),
    lastsForAnswers: 2_000,
  },
  {
    row: 'row 21',
    fault: 'frozen',
    strike: (server) => server.freeze(),
    mend: (server) => server.resume(),
    lastsForAnswers: 4_000,
  },
  {
    row: 'row 22',
    fault: 'behind a network that swallows everything',
    strike: (_, proxy) => proxy.blackhole(),
    mend: (_, proxy) => proxy.restore(),
    lastsForAnswers: 2_000,
  },
  {
    row: 'row 23',
    fault: 'slower than its deadline',
    strike: (_, proxy) => proxy.latency(700),
    mend: (_, proxy) => proxy.latency(0),
    lastsForAnswers: 2_000,
  },
  {
    row: 'row 24',
    fault: 'cut off after each request',
    strike: (_, proxy) => proxy.cutAfterRequest(),
    mend: (_, proxy) => proxy.restore(),
    lastsForAnswers: 2_000,
  },
];

async function underLoad(
  { backend, start }: Backend<BackendName | YourBackendName>,
  run: (service: Service, server: Server, proxy: TcpProxy) => Promise<void>,
): Promise<void> {
  await using server = await start();
  await using proxy = await startProxy(server.port);
  await using service = startService(backend, proxy.urlFor(server.url));
  await service.until('Hits in the second level', START_LIMIT_MS, ({ l2Hits }) => l2Hits > 100);
  await run(service, server, proxy);
  await proxy.restore();
  const { failures, wrong, slowestMs } = await service.report();
  expect({ failures, wrong }).toEqual({ failures: 0, wrong: 0 });
  expect(slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
  expect(await service.end()).toEqual({ code: 0, signal: null, stderr: '' });
}

/** The breaker is closed, and the second level answers. */
async function recovered(service: Service): Promise<void> {
  const { l2Hits } = await service.report();
  await service.until(
    'Hits in the second level once it answers again',
    RECOVERY_LIMIT_MS,
    (now) => now.breaker === 'closed' && now.l2Hits > l2Hits && now.queuedInvalidations === 0,
  );
  await waitUntil('Its health', RECOVERY_LIMIT_MS, async () => (await service.health()).status === 'ok');
}

describe.each([...BACKENDS, backendOf('postgres over yours')])('a service over $backend', (backend) => {
  test.each(FAULTS)(
    '$row: every call is answered while the server is $fault, and the second level is used again soon after',
    async ({ strike, mend, lastsForAnswers }) => {
      await underLoad(backend, async (service, server, proxy) => {
        await strike(server, proxy);
        await service.until('The breaker opening', START_LIMIT_MS, ({ breaker }) => breaker !== 'closed');
        const { answers, heapBytes } = await service.report();
        await service.until('Answers without it', START_LIMIT_MS, (now) => now.answers > answers + lastsForAnswers);
        const during = await service.report();
        expect(during.refusedCalls).toBeGreaterThan(100);
        expect(during.removals['queued']).toBeGreaterThan(0);
        expect(during.queuedInvalidations).toBeLessThanOrEqual(50);
        expect(during.heapBytes - heapBytes).toBeLessThan(20_000_000);
        expect(await service.health()).toMatchObject({ status: 'degraded', bus: 'none' });
        await mend(server, proxy);
        await recovered(service);
      });
    },
  );

  test('row 25: a server that is back before anyone asked, empty or not, costs misses and no more', async () => {
    await underLoad(backend, async (service, server) => {
      await server.kill();
      await server.restart();
      await recovered(service);
    });
  });

  test('row 39: flapping: a server that comes and goes is left alone and found again each time', async () => {
    await underLoad(backend, async (service, _server, proxy) => {
      for (let flap = 0; flap < 4; flap += 1) {
        await proxy.refuse();
        await service.until('The breaker opening', START_LIMIT_MS, ({ breaker }) => breaker !== 'closed');
        await proxy.restore();
        await recovered(service);
      }
    });
  });

  test('row 19: a server that is not there at the start: answers at once, and the second level is used when it comes', async () => {
    await using server = await backend.start();
    await using proxy = await startProxy(server.port);
    await proxy.refuse();
    await using service = startService(backend.backend, proxy.urlFor(server.url));
    await service.until('Answers', START_LIMIT_MS, ({ answers }) => answers > 1_000);
    await proxy.restore();
    await recovered(service);
    const { failures, wrong, slowestMs } = await service.report();
    expect({ failures, wrong }).toEqual({ failures: 0, wrong: 0 });
    expect(slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(await service.end()).toEqual({ code: 0, signal: null, stderr: '' });
  });
});

describe.each([...BACKENDS, ...YOUR_BACKENDS])('a service over $backend', (backend) => {
  test('row 22: connections whose other end is gone are replaced, and the second level is used again', async () => {
    await underLoad(backend, async (service, _server, proxy) => {
      const { unansweredCalls } = await service.report();
      proxy.halfOpen();
      // Where other connections answer in between, the breaker need not open.
      await service.until('Silence', START_LIMIT_MS, (now) => now.unansweredCalls > unansweredCalls);
      await recovered(service);
    });
  });
});
