import { RedisCache, redisBus } from '@cache/redis';
import { createClient } from 'redis';
import { PATIENT } from '../patience.ts';

/** Removes an item as `one-step` or as `two-steps`, and is killed when the server has answered the first command of it. */
const [url = '', name = '', steps] = process.argv.slice(2);
const client = createClient({ url });
await client.connect();
const bus = redisBus(client, { name });
const cache = new RedisCache(client, { prefix: `${name}:`, ...PATIENT, ...(steps === 'one-step' ? { bus } : {}) });
const sendCommand = client.sendCommand.bind(client);
client.sendCommand = (async (args: readonly string[], options?: object) => {
  await sendCommand([...args], options);
  process.kill(process.pid, 'SIGKILL');
}) as typeof client.sendCommand;
await cache.removeItem('a');
await bus.publish([{ kind: 'key', key: 'a' }]);
