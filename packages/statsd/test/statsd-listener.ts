import { createSocket } from 'node:dgram';
import { waitUntil } from '@cache/test-servers';

/** One metric as it came over the wire. */
export interface ReceivedMetric {
  readonly name: string;
  readonly value: number;
  readonly type: string;
  readonly sampleRate: number | undefined;
  readonly tags: readonly string[];
}

/** A UDP server that reads what StatsD would, and refuses what is none. */
export async function listenForStatsd(): Promise<StatsdListener> {
  const socket = createSocket('udp4');
  const metrics: ReceivedMetric[] = [];
  const malformed: string[] = [];
  socket.on('message', (datagram) => {
    for (const line of datagram.toString('utf8').split('\n')) {
      if (line === '') continue;
      const metric = parseLine(line);
      if (metric === undefined) malformed.push(line);
      else metrics.push(metric);
    }
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    port: socket.address().port,
    metrics,
    malformed,
    received: (count) => waitUntil(`${count} metrics`, 30_000, () => metrics.length + malformed.length >= count),
    receivedNamed: (name) =>
      waitUntil(`a metric ${name}`, 30_000, () => metrics.some((metric) => metric.name === name)),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        socket.close(resolve);
      }),
  };
}

export interface StatsdListener extends AsyncDisposable {
  readonly port: number;
  readonly metrics: readonly ReceivedMetric[];
  readonly malformed: readonly string[];
  /** Resolves when that many lines have come. */
  received(count: number): Promise<void>;
  /** Resolves when a metric of that name has come, and with it, on one machine, what was sent before. */
  receivedNamed(name: string): Promise<void>;
}

/** The protocol of StatsD with the tags of DogStatsD: `name:value|type|@rate|#tag:value,…`. */
function parseLine(line: string): ReceivedMetric | undefined {
  const match = /^([A-Za-z0-9_.-]+):(-?[\d.]+(?:e-?\d+)?)\|(c|ms|g)(?:\|@([\d.]+))?(?:\|#([^|]+))?$/.exec(line);
  if (match === null) return undefined;
  const [, name = '', value, type = '', rate, tags = ''] = match;
  return {
    name,
    value: Number(value),
    type,
    sampleRate: rate === undefined ? undefined : Number(rate),
    tags: tags === '' ? [] : tags.split(','),
  };
}
