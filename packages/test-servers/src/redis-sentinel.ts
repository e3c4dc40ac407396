import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { redisCommand } from './redis-command.ts';
import { answersPing, getRedis, startRedis } from './redis-server.ts';
import type { Server } from './server.ts';
import { ServerProcess } from './server-process.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { waitUntil } from './wait-until.ts';
import { temporaryFolder } from './watched.ts';

const MASTER_NAME = 'mymaster';
const FORM_LIMIT_MS = 60_000;

/** How {@link startRedisSentinel} starts its servers. */
export interface StartRedisSentinelOptions {
  /** How many replicas the master has. @default 1 */
  readonly replicas?: number;
  /** How many sentinels watch it; most of them must agree. @default 3 */
  readonly sentinels?: number;
  /** For how many milliseconds the master is silent before it counts as down; on a busy machine one that is well may be for a while. @default 2000 */
  readonly downAfterMs?: number;
}

/** A master with replicas, watched by sentinels. */
export interface RedisSentinel extends AsyncDisposable {
  /** The name that clients ask the sentinels for. */
  readonly masterName: string;
  /** The master as started; after a failover a replica has the role. */
  readonly master: Server;
  readonly replicas: readonly Server[];
  readonly sentinels: readonly Server[];
  close(): Promise<void>;
}

/** Starts them all and resolves once the sentinels know each other and the replicas, so that a failover can happen at once. */
export async function startRedisSentinel(options: StartRedisSentinelOptions = {}): Promise<RedisSentinel> {
  const { replicas: replicaCount = 1, sentinels: sentinelCount = 3, downAfterMs = 2_000 } = options;
  const servers: Server[] = [];
  const keep = async (start: Promise<Server>): Promise<Server> => {
    const server = await start;
    servers.push(server);
    return server;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    const master = await keep(startRedis({ args: ['--repl-diskless-sync-delay', '0'] }));
    const replicas: Server[] = [];
    for (let count = 0; count < replicaCount; count++) {
      replicas.push(await keep(startRedis({ args: ['--replicaof', '127.0.0.1', `${master.port}`] })));
    }
    const sentinels: Server[] = [];
    const quorum = Math.floor(sentinelCount / 2) + 1;
    for (let count = 0; count < sentinelCount; count++) {
      sentinels.push(await keep(startSentinel(master.port, quorum, downAfterMs)));
    }
    await waitUntil('Sentinels that know each other and the replicas', FORM_LIMIT_MS, async () => {
      const views = await Promise.all(sentinels.map((sentinel) => redisCommand(sentinel, 'INFO', 'sentinel')));
      return views.every((view) =>
        String(view).includes(
          `status=ok,address=127.0.0.1:${master.port},slaves=${replicaCount},sentinels=${sentinelCount}`,
        ),
      );
    });
    return { masterName: MASTER_NAME, master, replicas, sentinels, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startSentinel(masterPort: number, quorum: number, downAfterMs: number): Promise<Server> {
  const command = await getRedis();
  return startOnFreePort((port) => {
    const folder = temporaryFolder('sentinel');
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${MASTER_NAME} 5000`,
      `sentinel parallel-syncs ${MASTER_NAME} 1`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return ServerProcess.start({
      url: `redis://127.0.0.1:${port}`,
      port,
      folder,
      command,
      args: [file, '--sentinel'],
      stopSignal: 'SIGTERM',
      isReady: () => answersPing(port),
    });
  });
}
