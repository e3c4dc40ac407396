import { readFileSync, writeFileSync } from 'node:fs';

/** Writes migration.sql into src/migration-sql.ts: a constant is there in every build, however it is bundled. */
const sql = readFileSync(new URL('../migration.sql', import.meta.url), 'utf8');
if (/[`\\]|\$\{/.test(sql)) throw new Error('migration.sql holds what a template literal would change.');
writeFileSync(
  new URL('../src/migration-sql.ts', import.meta.url),
  `/** migration.sql, word for word: \`npm run generate\` writes this file, and a test holds the two together. */
export const MIGRATION_SQL: string = \`${sql}\`;
`,
);
