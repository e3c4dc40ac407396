import { createHash } from 'node:crypto';
import { type Contestant, EXPIRATION_IN_SECONDS } from '../contestant.ts';
import { specificationTable } from './tables.ts';

const GET = {
  name: 'get',
  text: `SELECT value FROM cache WHERE key = $1 AND (expires_at IS NULL OR expires_at > extract(epoch FROM clock_timestamp()))`,
};
const SET = {
  name: 'set',
  text: `INSERT INTO cache (key, plain_key, value, expires_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at, updated_at = now()`,
};

export const nodePostgres: Contestant = {
  name: 'pg',
  kind: 'raw',
  notes: ['`pg.Pool` with its own default of 10 connections, named (prepared) statements'],
  packages: ['pg'],
  async open({ url, namespace }) {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${namespace}` });
    pool.on('error', () => {});
    await pool.query(specificationTable(namespace));
    return {
      async get(key) {
        const { rows } = await pool.query({ ...GET, values: [sha256(key)] });
        return rows[0]?.value;
      },
      set: (key, value) => {
        const expiresAt = Math.floor(Date.now() / 1_000) + EXPIRATION_IN_SECONDS;
        return pool.query({ ...SET, values: [sha256(key), key, JSON.stringify(value), expiresAt] });
      },
      close: () => pool.end(),
    };
  },
};

function sha256(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
