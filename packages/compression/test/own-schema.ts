import { migrate } from '@cache/postgres';
import { databaseUrl, uniqueName } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';

/** A migrated schema of one's own on the tests' server, and a pool. */
export interface OwnSchema extends AsyncDisposable {
  readonly sql: Sql;
  readonly schema: string;
}

/** Makes one, which goes with the pool at the end. */
export async function ownSchema(purpose: string): Promise<OwnSchema> {
  const sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} }) as Sql;
  const schema = uniqueName(purpose);
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
  return {
    sql,
    schema,
    [Symbol.asyncDispose]: async () => {
      await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
      await sql.end({ timeout: 1 });
    },
  };
}
