import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below the range from which systems pick ports for outgoing connections, so that a server that is down finds its port again. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 22_767;

/** A Redis Cluster node also listens this far above its port. */
const CLUSTER_BUS_OFFSET = 10_000;

/**
 * Takes the UDP port of that number, on which nobody sends anything, for as long as this process lives. The system gives it to
 * one process at a time and takes it back however that one ends, so it is a lock on the number: two runs of tests never start a
 * server on the same port, nor one on the port of another that is down for a moment.
 */
function claim(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      settle(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      settle(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => settle(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => settle(true)));
  });
}

/**
 * A port of the loopback address that nobody listens on, nor on its cluster bus, and that no other process of tests gets from
 * here while this one lives. A program of another kind may still be quicker: start again then.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if ((await claim(port)) && (await isFree(port)) && (await isFree(port + CLUSTER_BUS_OFFSET))) return port;
  }
  throw new Error(`No free port was found between ${LOWEST_PORT} and ${HIGHEST_PORT}.`);
}
