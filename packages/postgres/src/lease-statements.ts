import { endOf, hashOf, NOW, type Predicates } from './predicates.ts';
import { entryColumns } from './read-statements.ts';
import type { Relations } from './relations.ts';
import { idempotentWrite, type Statement, write } from './statement.ts';
import { labelsOf, type WriteVariant } from './write-statements.ts';

/** The coherent load path. */
export interface LeaseStatements {
  readonly getOrLease: Statement;
  readonly fill: Statement;
  readonly renew: Statement;
  readonly release: Statement;
}

/**
 * **Invariant.** A fill writes only to the row that still holds its own token, and never inserts. Every autocommit
 * invalidation and every `set` deletes or overwrites that row, and the row's lock puts the two in an order; so a fill
 * that finds its token was preceded by none of them since the grant. What transactions and tags invalidate is logged,
 * and the filled value carries the snapshot under which the lease was granted: whatever committed after it, and so
 * perhaps after the load, is unseen by that snapshot and kills the value for every reader (see `Predicates`).
 */
export function leaseStatements(
  { cache, seq }: Relations,
  predicates: Predicates,
  { keepsPlainKeys }: WriteVariant,
): LeaseStatements {
  const { known, stale, leased } = predicates;
  const plainKey = keepsPlainKeys ? '$3::text' : 'NULL::text';
  const mine = `c.key = ${hashOf('$3::text')} AND c.lease = $4::text`;
  /** A stale copy stays as it is; a dead one goes, and the row then has the snapshot of the lease alone. */
  const keep = (column: string, otherwise: string): string => `CASE WHEN kept THEN c.${column} ELSE ${otherwise} END`;
  return {
    /**
     * `$3` the key, `$4` a new token, `$5` the seconds of the lease, `$6` namespace, `$7` 'true' to lease what is fresh.
     * One row: number, {@link entryColumns} (NULL where there is no row), the token if it was granted. Whether the old
     * value may stay is judged once, not for each column: each time takes sub-plans that the executor sets up.
     */
    getOrLease: write(
      'getOrLease',
      `WITH found AS MATERIALIZED (SELECT ${entryColumns(predicates, '$3::text')}, ${leased} AS leased
  FROM ${cache} c WHERE c.key = ${hashOf('$3::text')}),
granted AS (INSERT INTO ${cache} AS c (key, plain_key, namespace, expires_at, snap, seq, lease, lease_until, lease_snap)
  SELECT ${hashOf('$3::text')}, ${plainKey}, $6::text, ${endOf('$5::text::float8')}, pg_current_snapshot(),
    nextval(${seq}), $4::text, clock_timestamp() + $5::text::float8 * interval '1 second', pg_current_snapshot()
  WHERE NOT EXISTS (SELECT FROM found WHERE leased OR (state = 'known' AND NOT $7::text::boolean))
  ON CONFLICT (key) DO UPDATE SET (value, payload, absent, tags, stale_until, load_ms, expires_at, snap, xid, seq,
    lease, lease_until, lease_snap) = (SELECT ${keep('value', 'NULL')}, ${keep('payload', 'NULL')},
      ${keep('absent', 'false')}, ${keep('tags', 'NULL')}, ${keep('stale_until', 'NULL')}, ${keep('load_ms', 'NULL')},
      ${keep('expires_at', 'EXCLUDED.expires_at')}, ${keep('snap', 'EXCLUDED.snap')}, ${keep('xid', 'NULL')},
      ${keep('seq', 'EXCLUDED.seq')}, EXCLUDED.lease, EXCLUDED.lease_until, EXCLUDED.lease_snap
    FROM (SELECT ${known} OR ${stale} AS kept OFFSET 0) judged)
  WHERE NOT ${leased} AND ($7::text::boolean OR NOT ${known}) RETURNING lease)
SELECT $1::text, f.key, f.state, f.value, f.payload, f.absent, f.age, f.remaining, f.stale_for, f.load_ms, f.tags,
  (SELECT lease FROM granted) FROM (SELECT) one LEFT JOIN found f ON true`,
    ),

    /**
     * `$3` the key, `$4` the token, `$5` the item as for `set`, `$6` the stale window or NULL, `$7` the load's
     * milliseconds or NULL, `$8` 'true' for a negative entry, `$9` the loader's own snapshot or NULL, `$10` namespace.
     * One row: number, 't' if what was stored is live.
     *
     * A loader's own snapshot is good if it sees all that the lease's snapshot sees; then the load cannot have missed
     * anything that was invalidated, and perhaps trimmed from the logs, before the lease.
     */
    fill: write(
      'fill',
      `WITH item AS (SELECT $5::text::jsonb AS e),
filled AS (UPDATE ${cache} c SET value = coalesce(nullif(e->1, 'null'::jsonb), (e->>5)::jsonb),
    payload = decode(e->>4, 'hex'), absent = $8::text::boolean, expires_at = ${endOf('(e->>2)::float8')},
    stale_until = ${endOf('((e->>2)::float8 + $6::text::float8)')}, load_ms = $7::text::float8::int,
    tags = ${labelsOf('$10')},
    updated_at = clock_timestamp() AT TIME ZONE 'UTC', snap = c.lease_snap, xid = NULL, seq = nextval(${seq}),
    lease = NULL, lease_until = NULL, lease_snap = NULL
  FROM item WHERE ${mine} AND ($9::text IS NULL OR (
    pg_snapshot_xmax($9::text::pg_snapshot) >= pg_snapshot_xmax(c.lease_snap) AND NOT EXISTS (
      SELECT FROM pg_snapshot_xip($9::text::pg_snapshot) x WHERE pg_visible_in_snapshot(x, c.lease_snap))))
  RETURNING ${known} AS is_live)
SELECT $1::text, (SELECT is_live FROM filled)::text`,
    ),

    /** `$3` the key, `$4` the token, `$5` seconds. One row: number, how many leases were renewed. */
    renew: idempotentWrite(
      'renew',
      `WITH renewed AS (UPDATE ${cache} c SET
    lease_until = clock_timestamp() + $5::text::float8 * interval '1 second',
    expires_at = CASE WHEN ${predicates.held} OR c.absent THEN c.expires_at ELSE ${endOf('$5::text::float8')} END
  WHERE ${mine} AND ${leased} RETURNING 1)
SELECT $1::text, count(*)::text FROM renewed`,
    ),

    /** `$3` the key, `$4` the token. One row: number. A row that held nothing but the lease expires with it. */
    release: idempotentWrite(
      'release',
      `WITH released AS (UPDATE ${cache} c SET lease = NULL, lease_until = NULL, lease_snap = NULL,
    expires_at = CASE WHEN ${predicates.held} OR c.absent THEN c.expires_at ELSE floor(${NOW})::bigint END
  WHERE ${mine} RETURNING 1)
SELECT $1::text, count(*)::text FROM released`,
    ),
  };
}
