import { isDeepStrictEqual } from 'node:util';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { provideServers, uniqueName } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';
import { makeReport, type SalesReport } from './sales-report.ts';
import { SERIALIZERS } from './serializers.ts';

/** Stores one report under each serializer in both servers, reads it back, and shows what lies there. */
const servers = await provideServers();
const client = await createClient({ url: servers.env['REDIS_URL'] ?? '' }).connect();
const sql = postgres(servers.env['DATABASE_URL'] ?? '', { max: 2, onnotice: () => {} }) as Sql;
const name = uniqueName('rich_values');
const report = makeReport(7);
try {
  await sql.unsafe(`CREATE SCHEMA ${name}`);
  await migrate(sql, { schema: name });
  for (const [title, serializer] of Object.entries(SERIALIZERS)) {
    console.log(`\n${title}: ${Buffer.byteLength(await serializer.serialize(report))} bytes`);
    const redis = new RedisCache<SalesReport>(client, { prefix: `${name}:`, serializer });
    const database = new DatabaseCache<SalesReport>(sql, { schema: name, serializer });
    for (const [server, cache] of Object.entries({ redis, database })) {
      await cache.set('report', report, 60);
      console.log(
        `  ${server}: ${isDeepStrictEqual(await cache.get('report'), report) ? 'the same came back' : 'changed'}`,
      );
    }
    const [row] = await sql.unsafe(`SELECT value IS NOT NULL AS is_json, value->'madeAt' AS made FROM ${name}.cache`);
    console.log(row?.['is_json'] === true ? `  SQL sees madeAt: ${JSON.stringify(row['made'])}` : '  SQL sees bytes');
    await redis.clear();
  }
} finally {
  await sql.unsafe(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
  await sql.end({ timeout: 1 });
  await client.close();
  await servers.close();
}
