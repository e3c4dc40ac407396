/** jest's globalTeardown beside any of the set-ups. A run that is interrupted before this is cleaned up by the watchdog. */
export default async function tearDown() {
  await globalThis.cacheTestServers?.close();
}
