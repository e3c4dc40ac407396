export { type StartPostgresOptions, startPostgres } from './postgres-server.ts';
export { databaseUrl, type ProvidedServers, provideServers, redisUrl, type ServerKind } from './provide-servers.ts';
export { type StartRedisOptions, startRedis } from './redis-server.ts';
export type { Server } from './server.ts';
export { type Settled, settle } from './settle.ts';
export { uniqueName } from './unique-name.ts';
export { waitUntil } from './wait-until.ts';
