import { redisCommand } from './redis-command.ts';
import { startRedis } from './redis-server.ts';
import type { Server } from './server.ts';
import { waitUntil } from './wait-until.ts';

const SLOTS = 16_384;
const FORM_LIMIT_MS = 60_000;

/** Longer than a busy machine keeps a process waiting, or a master that is well would be replaced. */
const NODE_TIMEOUT_MS = 2_000;

/** How {@link startRedisCluster} starts a cluster. */
export interface StartRedisClusterOptions {
  /** How many masters share the slots; Redis wants at least three. @default 3 */
  readonly masters?: number;
  /** How many replicas each master has; a failover needs one. @default 0 */
  readonly replicasPerMaster?: number;
  /** More of redis-server's arguments, for every node. @default [] */
  readonly args?: readonly string[];
}

/** A Redis Cluster on the loopback address. */
export interface RedisCluster extends AsyncDisposable {
  /** The masters as started; after a failover, another node may have the role. */
  readonly masters: readonly Server[];
  readonly replicas: readonly Server[];
  /** One URL per node, as a client's root nodes. */
  readonly urls: readonly string[];
  close(): Promise<void>;
}

/** Starts a cluster whose every node agrees that all slots are served. A node that is silent for two seconds counts as failed. */
export async function startRedisCluster(options: StartRedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters: masterCount = 3, replicasPerMaster = 0, args = [] } = options;
  const nodeArgs = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, ...args];
  const count = masterCount * (1 + replicasPerMaster);
  const attempts = await Promise.allSettled(Array.from({ length: count }, () => startRedis({ args: nodeArgs })));
  const nodes = attempts.filter((attempt) => attempt.status === 'fulfilled').map((attempt) => attempt.value);
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    for (const attempt of attempts) if (attempt.status === 'rejected') throw attempt.reason;
    const masters = nodes.slice(0, masterCount);
    const replicas = nodes.slice(masterCount);
    await form(masters, replicas);
    return { masters, replicas, urls: nodes.map(({ url }) => url), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function form(masters: readonly Server[], replicas: readonly Server[]): Promise<void> {
  const nodes = [...masters, ...replicas];
  for (const [index, master] of masters.entries()) {
    const first = Math.floor((index * SLOTS) / masters.length);
    const end = Math.floor(((index + 1) * SLOTS) / masters.length);
    const slots = Array.from({ length: end - first }, (_, offset) => `${first + offset}`);
    await redisCommand(master, 'CLUSTER', 'ADDSLOTS', ...slots);
    await redisCommand(master, 'CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`);
  }
  await introduce(nodes);
  for (const [index, replica] of replicas.entries()) {
    const master = masters[index % masters.length];
    if (master === undefined) continue;
    const id = String(await redisCommand(master, 'CLUSTER', 'MYID'));
    await redisCommand(replica, 'CLUSTER', 'REPLICATE', id);
  }
  await waitUntil('A cluster that serves all slots', FORM_LIMIT_MS, () =>
    every(nodes, async (node) => (await clusterInfo(node)).includes('cluster_state:ok')),
  );
  await waitUntil('Replicas in step with their masters', FORM_LIMIT_MS, () =>
    every(replicas, async (replica) =>
      String(await redisCommand(replica, 'INFO', 'replication')).includes('master_link_status:up'),
    ),
  );
}

/** A node gives a handshake up that takes longer than its timeout, so on a busy machine they are introduced again. */
async function introduce(nodes: readonly Server[]): Promise<void> {
  const ids = await Promise.all(nodes.map(async (node) => String(await redisCommand(node, 'CLUSTER', 'MYID'))));
  const knowsAll = async (node: Server): Promise<boolean> => {
    const view = String(await redisCommand(node, 'CLUSTER', 'NODES'));
    return ids.every((id) => view.includes(id)) && !view.includes('handshake');
  };
  const [firstNode, ...others] = nodes;
  let introducedAtMs = Number.NEGATIVE_INFINITY;
  await waitUntil('Every node of the cluster knowing every other', FORM_LIMIT_MS, async () => {
    if (await every(nodes, knowsAll)) return true;
    if (performance.now() - introducedAtMs < 2 * NODE_TIMEOUT_MS) return false;
    introducedAtMs = performance.now();
    for (const node of others) await redisCommand(node, 'CLUSTER', 'MEET', '127.0.0.1', `${firstNode?.port}`);
    return false;
  });
}

async function clusterInfo(node: Server): Promise<string> {
  return String(await redisCommand(node, 'CLUSTER', 'INFO'));
}

async function every(nodes: readonly Server[], holds: (node: Server) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(nodes.map(holds))).every(Boolean);
}
