import { connect, createServer, type Server, type Socket } from 'node:net';
import { settle, startProxy, type TcpProxy, waitUntil } from '@cache/test-servers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

/** Answers every chunk with itself and remembers what it was asked. */
let server: Server;
let proxy: TcpProxy;
let asked: string[];
const sockets: Socket[] = [];

beforeEach(async () => {
  asked = [];
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      asked.push(chunk.toString());
      socket.write(chunk);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()));
  const address = server.address();
  proxy = await startProxy(typeof address === 'object' && address !== null ? address.port : 0);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  await new Promise((done) => server.close(done));
});

function client(): Socket {
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

function ask(socket: Socket, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk) => resolve(chunk.toString()));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.write(question);
  });
}

describe('startProxy', () => {
  test('passes questions and answers on', async () => {
    expect(await ask(client(), 'hello')).toBe('hello');
    expect(proxy.accepted).toBe(1);
  });

  test('delays answers and keeps their order when the delay shrinks', async () => {
    const socket = client();
    proxy.latency(80);
    const askedAtMs = performance.now();
    const first = ask(socket, '1');
    await waitUntil('The first question', 5_000, () => asked.length === 1);
    proxy.latency(0);
    socket.write('2');
    const outcome = await settle(first, 5_000);
    expect(outcome).toMatchObject({ state: 'fulfilled', value: expect.stringMatching(/^1/) });
    // By the clock on the wall: the one of `settle` stands still while this process has no processor, and the delay does not.
    expect(performance.now() - askedAtMs).toBeGreaterThan(50);
  });

  test('holds everything back in a blackhole, and delivers it on restore', async () => {
    const socket = client();
    await ask(socket, 'before');
    proxy.blackhole();
    const answer = ask(socket, 'held');
    await expect(settle(answer, 100)).rejects.toThrow('still pending');
    expect(asked).toEqual(['before']);
    await proxy.restore();
    expect(await answer).toBe('held');
  });

  test('lets a connection that was opened during a blackhole through on restore', async () => {
    proxy.blackhole();
    const answer = ask(client(), 'late');
    await expect(settle(answer, 100)).rejects.toThrow('still pending');
    await proxy.restore();
    expect(await answer).toBe('late');
  });

  test('drops replies of questions that were carried out, and resets such a connection on restore', async () => {
    const socket = client();
    await ask(socket, 'before');
    proxy.dropReplies();
    const answer = ask(socket, 'lost');
    await waitUntil('The question', 5_000, () => asked.includes('lost'));
    await expect(settle(answer, 100)).rejects.toThrow('still pending');
    await proxy.restore();
    await expect(answer).rejects.toThrow('ECONNRESET');
  });

  test('cuts the connection after a question was carried out', async () => {
    const socket = client();
    await ask(socket, 'before');
    proxy.cutAfterRequest();
    await expect(ask(socket, 'carried out')).rejects.toThrow('ECONNRESET');
    expect(asked).toContain('carried out');
    await proxy.restore();
    expect(await ask(client(), 'after')).toBe('after');
  });

  test('resets open connections and welcomes new ones', async () => {
    const socket = client();
    await ask(socket, 'before');
    const closed = new Promise((done) => socket.once('close', done));
    proxy.reset();
    await closed;
    expect(await ask(client(), 'again')).toBe('again');
  });

  test('refuses new connections until restore', async () => {
    await proxy.refuse();
    await expect(ask(client(), 'no')).rejects.toThrow('ECONNREFUSED');
    await proxy.restore();
    expect(await ask(client(), 'yes')).toBe('yes');
  });

  test('leaves a client half-open: it is told nothing while its server has gone', async () => {
    const socket = client();
    await ask(socket, 'before');
    proxy.halfOpen();
    await expect(settle(ask(socket, 'nobody'), 100)).rejects.toThrow('still pending');
    expect(asked).not.toContain('nobody');
    expect(await ask(client(), 'new')).toBe('new');
  });
});
