import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { settle, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';

/** As a machine does that has no time for this process. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** An answer in two steps, the second of which begins when the first is over. */
async function answer(): Promise<string> {
  await pause(50);
  await pause(50);
  return 'here';
}

/** What a limit by the wall clock makes of it. */
function naively<T>(call: Promise<T>, limitMs: number): Promise<T | 'given up'> {
  return Promise.race([call, pause(limitMs, 'given up' as const)]);
}

describe('a limit that passes while the machine has no time for the process', () => {
  test('is no hang for settle', async () => {
    const settled = settle(answer(), 300);
    standStill(600);
    expect(await settled).toMatchObject({ state: 'fulfilled', value: 'here' });
  });

  test('is no failure for waitUntil', async () => {
    let isHere = false;
    void answer().then(() => {
      isHere = true;
    });
    const waited = waitUntil('The answer', 300, () => isHere);
    standStill(600);
    await waited;
  });

  test('control: by the wall clock it is', async () => {
    const limited = naively(answer(), 300);
    standStill(600);
    expect(await limited).toBe('given up');
  });
});

test('waitUntil says what was wrong when it gave up', async () => {
  const waiting = waitUntil('Nothing', 50, () => Promise.reject(new Error('the reason')));
  await expect(waiting).rejects.toMatchObject({
    message: 'Nothing: not so within 50 ms.',
    cause: expect.objectContaining({ message: 'the reason' }),
  });
});

test('the port of a server that is down, and of a proxy that refuses, goes to no other run of tests', async () => {
  await using server = await startRedis();
  await using proxy = await startProxy(server.port);
  await server.kill();
  await proxy.refuse();
  for (const { port } of [server, proxy]) {
    const rival = createSocket('udp4');
    rival.bind({ port, address: '127.0.0.1', exclusive: true });
    const [error] = await once(rival, 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    rival.close();
  }
});
