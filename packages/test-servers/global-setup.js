import '../../tools/typescript.mjs';

/** jest's globalSetup for packages that need both servers: sets REDIS_URL and DATABASE_URL unless they are set. */
export default async function setUp(_globalConfig, _projectConfig, kinds) {
  const { provideServers } = await import('./src/provide-servers.ts');
  globalThis.cacheTestServers = await provideServers(kinds);
  Object.assign(process.env, globalThis.cacheTestServers.env);
}
