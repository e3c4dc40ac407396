import type { Sql } from 'postgres';
import { driverErrorCode } from './driver-error.ts';
import type { Relations } from './relations.ts';

/**
 * Makes sure that what the tables hold was written on this server. Snapshots and transaction numbers mean nothing on
 * another: an entry that a dump brought along may claim to have seen a future in which it was invalidated. So a dump
 * restored elsewhere is emptied before it is used. A physical copy keeps its identity and needs nothing.
 */
export async function adoptServer(sql: Sql, { cache, removal, tag, event, horizon }: Relations): Promise<void> {
  const [own] = await sql
    .unsafe(
      `SELECT (h.system_identifier = c.system_identifier)::text
FROM pg_control_system() c LEFT JOIN ${horizon} h ON true WHERE $1::text = 'own'`,
      ['own'],
    )
    .raw();
  if (own?.[0]?.toString() === 'true') return;
  const logs = `${removal}, ${tag}, ${event}`;
  const mark = `INSERT INTO ${horizon} (system_identifier) SELECT system_identifier FROM pg_control_system()
ON CONFLICT (id) DO UPDATE SET system_identifier = EXCLUDED.system_identifier, tag_xid = '0', event_xid = '0'`;
  try {
    await sql.unsafe(`TRUNCATE ${cache}, ${logs}; ${mark}`);
  } catch (error) {
    if (driverErrorCode(error) !== '42501') throw error;
    const emptied = [cache, removal, tag, event].map((table) => `DELETE FROM ${table}`).join('; ');
    await sql.unsafe(`${emptied}; ${mark}`);
  }
}
