import { NAMESPACE_KEY, NOW, type Predicates } from './predicates.ts';
import type { Relations } from './relations.ts';
import { idempotentWrite, read, type Statement } from './statement.ts';

/** What keeps the tables small. */
export interface MaintenanceStatements {
  readonly isIndexed: Statement;
  readonly lastId: Statement;
  readonly deleteExpiredByIndex: Statement;
  readonly deleteExpiredById: Statement;
  readonly pendingClears: Statement;
  readonly deleteCleared: Statement;
  readonly forgetClears: Statement;
  readonly applyRemovals: Statement;
  readonly nextTagHorizon: Statement;
  readonly uncertified: Statement;
  readonly certify: Statement;
  readonly trimTags: Statement;
  readonly trimEvents: Statement;
}

/** How long the tag log is kept at least: longer than any load takes, so that no fill is lost to the horizon. */
const TAG_RETENTION = `interval '1 hour'`;

/** How long the event log is kept at least: a bus that was silent for longer flushes its local copies. */
const EVENT_RETENTION = `interval '5 minutes'`;

export function maintenanceStatements(relations: Relations, predicates: Predicates): MaintenanceStatements {
  const { cache, removal, tag, event, horizon } = relations;
  const { held, live, spent } = predicates;
  /** Rows are locked without waiting: neither does maintenance wait for a caller's transaction, nor deadlock with it. */
  const deletedExpired = (candidates: string): string =>
    `gone AS (DELETE FROM ${cache} c WHERE c.ctid = ANY (ARRAY(${candidates})) AND ${spent}
  RETURNING (${held} OR c.absent) AS counts)`;
  const sweepResult = `SELECT $1::text, (SELECT count(*) FROM gone WHERE counts)::text, (SELECT max(position) FROM found)::text,
  (SELECT count(*) FROM gone)::text, (SELECT count(*) FROM found)::text WHERE octet_length($2::text) >= 0`;
  const unseenByValue = `CASE WHEN r.xid = c.xid THEN r.seq > c.seq ELSE NOT pg_visible_in_snapshot(r.xid, c.snap) END`;
  const unseenByLease = `(c.lease_snap IS NOT NULL AND NOT pg_visible_in_snapshot(r.xid, c.lease_snap))`;
  const cleared = `EXISTS (SELECT FROM ${removal} r WHERE r.whole AND r.key = ${NAMESPACE_KEY}
  AND (r.prefix IS NULL OR starts_with(c.plain_key, r.prefix)) AND (${unseenByValue} OR ${unseenByLease}))`;
  return {
    /** One row: number, 't' where the index on `expires_at` is there, which the lean profile lacks. */
    isIndexed: read(
      'cleanupExpired',
      `SELECT $1::text, EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
    AND a.attnum = i.indkey[0] WHERE i.indrelid = '${cache}'::regclass AND a.attname = 'expires_at' AND i.indisvalid)::text
WHERE octet_length($2::text) >= 0`,
    ),

    /** One row: number, the greatest id or '0', the time in whole Unix seconds. */
    lastId: read(
      'cleanupExpired',
      `SELECT $1::text, coalesce((SELECT max(id) FROM ${cache}), 0)::text, floor(${NOW})::bigint::text
WHERE octet_length($2::text) >= 0`,
    ),

    /**
     * `$3` namespace, `$4` the least `expires_at` of interest, `$5` the greatest, `$6` how many at most.
     * One row: number, how many items went, the greatest `expires_at` found, how many rows went, how many were found.
     */
    deleteExpiredByIndex: idempotentWrite(
      'cleanupExpired',
      `WITH found AS MATERIALIZED (SELECT c.ctid, c.expires_at AS position FROM ${cache} c
  WHERE c.expires_at >= $4::text::bigint AND c.expires_at <= $5::text::bigint AND c.namespace = $3::text AND ${spent}
  ORDER BY c.expires_at LIMIT $6::text::int FOR UPDATE SKIP LOCKED),
${deletedExpired('SELECT ctid FROM found')}
${sweepResult}`,
    ),

    /**
     * `$3` namespace, `$4` the last id seen, `$5` the greatest of interest, `$6` how many rows to look at.
     * One row: number, how many items went, the greatest id looked at, how many rows went, how many were looked at.
     */
    deleteExpiredById: idempotentWrite(
      'cleanupExpired',
      `WITH found AS MATERIALIZED (SELECT id AS position, ctid, expires_at, namespace FROM ${cache}
  WHERE id > $4::text::bigint AND id <= $5::text::bigint ORDER BY id LIMIT $6::text::int),
locked AS MATERIALIZED (SELECT c.ctid FROM ${cache} c WHERE c.ctid = ANY (ARRAY(SELECT ctid FROM found
    WHERE namespace = $3::text AND expires_at <= floor(${NOW}))) AND ${spent} FOR UPDATE SKIP LOCKED),
${deletedExpired('SELECT ctid FROM locked')}
${sweepResult}`,
    ),

    /** One row: number, this namespace's committed clears as a JSON array of `seq`. */
    pendingClears: read(
      'clear',
      `SELECT $1::text, coalesce(json_agg(r.seq::text), '[]')::text FROM ${removal} r
WHERE r.whole AND r.key = ${NAMESPACE_KEY} AND pg_visible_in_snapshot(r.xid, pg_current_snapshot())`,
    ),

    /**
     * Deletes what a committed clear has killed. `$3` namespace, `$4` the last id seen, `$5` the greatest of interest,
     * `$6` how many rows to look at. One row: number, the greatest id looked at or NULL at the end, how many were left
     * because another transaction holds them.
     */
    deleteCleared: idempotentWrite(
      'clear',
      `WITH looked AS MATERIALIZED (SELECT id, ctid, namespace, plain_key, snap, xid, seq, lease_snap FROM ${cache}
  WHERE id > $4::text::bigint AND id <= $5::text::bigint ORDER BY id LIMIT $6::text::int),
dead AS MATERIALIZED (SELECT c.id, c.ctid FROM looked c WHERE c.namespace = $3::text AND ${cleared}),
locked AS MATERIALIZED (SELECT c.ctid FROM ${cache} c WHERE c.ctid = ANY (ARRAY(SELECT ctid FROM dead))
  FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM ${cache} c WHERE c.ctid = ANY (ARRAY(SELECT ctid FROM locked)) AND ${cleared}
  RETURNING 1)
SELECT $1::text, (SELECT max(id) FROM looked)::text,
  ((SELECT count(*) FROM dead) - (SELECT count(*) FROM gone))::text`,
    ),

    /** `$3` clears as a JSON array of `seq`: nothing is left that they kill. One row: number. */
    forgetClears: idempotentWrite(
      'clear',
      `WITH gone AS (DELETE FROM ${removal} r WHERE r.whole AND r.key = ${NAMESPACE_KEY}
  AND r.seq = ANY (ARRAY(SELECT s::bigint FROM jsonb_array_elements_text($3::text::jsonb) s)) RETURNING 1)
SELECT $1::text, count(*)::text FROM gone`,
    ),

    /**
     * Carries committed removals out and forgets them in one step, so that a reader sees either both or neither: the
     * log row that kills an item, or no item. Rows that a transaction holds are left, and so are their log rows.
     *
     * What is not visible to this statement and commits after it cannot be hurt: a lease, since its load starts after
     * its own commit, hence after the removal; a `set`, since it was acknowledged after it.
     * `$3` how many log rows at most. One row: number, how many were carried out, how many were left.
     */
    applyRemovals: idempotentWrite(
      'cleanupExpired',
      `WITH pending AS MATERIALIZED (SELECT r.ctid, r.* FROM ${removal} r
  WHERE NOT r.whole AND pg_visible_in_snapshot(r.xid, pg_current_snapshot())
  ORDER BY r.key LIMIT $3::text::int FOR UPDATE SKIP LOCKED),
there AS MATERIALIZED (SELECT c.key FROM ${cache} c WHERE c.key = ANY (ARRAY(SELECT key FROM pending))),
locked AS MATERIALIZED (SELECT c.key, c.snap, c.xid, c.seq, c.lease_snap FROM ${cache} c
  WHERE c.key = ANY (ARRAY(SELECT key FROM there)) ORDER BY c.key FOR UPDATE SKIP LOCKED),
ready AS MATERIALIZED (SELECT * FROM pending WHERE key NOT IN (SELECT key FROM there)
  OR key IN (SELECT key FROM locked)),
judged AS MATERIALIZED (SELECT c.key, bool_or(NOT r.stale AND ${unseenByValue}) AS dies,
    min(date_part('epoch', r.at)) FILTER (WHERE r.stale AND ${unseenByValue}) AS expired_at,
    coalesce(bool_or(${unseenByLease}), false) AS ends_lease
  FROM locked c JOIN ready r ON r.key = c.key GROUP BY c.key),
gone AS (DELETE FROM ${cache} c USING judged j WHERE c.key = j.key AND j.dies RETURNING 1),
expired AS (UPDATE ${cache} c SET expires_at = least(c.expires_at, floor(j.expired_at)::bigint),
    stale_until = CASE WHEN c.stale_until > c.expires_at THEN
      least(c.stale_until, ceil(j.expired_at)::bigint + (c.stale_until - c.expires_at)) END,
    lease = CASE WHEN NOT j.ends_lease THEN c.lease END,
    lease_until = CASE WHEN NOT j.ends_lease THEN c.lease_until END,
    lease_snap = CASE WHEN NOT j.ends_lease THEN c.lease_snap END
  FROM judged j WHERE c.key = j.key AND NOT j.dies AND (j.expired_at IS NOT NULL OR j.ends_lease) RETURNING 1),
forgotten AS (DELETE FROM ${removal} r USING ready x WHERE r.ctid = x.ctid RETURNING 1)
SELECT $1::text, (SELECT count(*) FROM forgotten)::text,
  ((SELECT count(*) FROM pending) - (SELECT count(*) FROM ready))::text WHERE octet_length($2::text) >= 0`,
    ),

    /** One row: number, the xid below which the tag log may go, or NULL where nothing may. */
    nextTagHorizon: read(
      'cleanupExpired',
      `SELECT $1::text, CASE WHEN EXISTS (SELECT FROM ${tag} i WHERE i.xid < h.xid) THEN h.xid::text END
FROM (SELECT least(pg_snapshot_xmin(pg_current_snapshot()),
  (SELECT i.xid FROM ${tag} i WHERE i.at > clock_timestamp() - ${TAG_RETENTION} ORDER BY i.xid LIMIT 1)) AS xid) h
WHERE octet_length($2::text) >= 0`,
    ),

    /**
     * Live tagged items that the new horizon would make a miss. `$3` the horizon, `$4` the last id seen, `$5` how many
     * rows to look at. One row: number, the greatest id looked at or NULL at the end, this statement's snapshot, and
     * the items as a JSON array of [id, seq].
     */
    uncertified: read(
      'cleanupExpired',
      `WITH looked AS MATERIALIZED (SELECT * FROM ${cache} WHERE id > $4::text::bigint ORDER BY id LIMIT $5::text::int)
SELECT $1::text, (SELECT max(id) FROM looked)::text, pg_current_snapshot()::text,
  (SELECT coalesce(json_agg(json_build_array(c.id::text, c.seq::text)), '[]')::text FROM looked c
   WHERE c.tags IS NOT NULL AND pg_snapshot_xmin(c.snap) < $3::text::xid8 AND ${live})
WHERE octet_length($2::text) >= 0`,
    ),

    /**
     * Gives items the snapshot under which they were seen live. `seq` is a value's own number: a value stored since
     * has another, and keeps its snapshot (two values may carry equal snapshots, so those cannot be compared).
     * `$3` the snapshot, `$4` the items as a JSON array of [id, seq]. One row: number, how many were certified.
     */
    certify: idempotentWrite(
      'cleanupExpired',
      `WITH seen AS (SELECT (e->>0)::bigint AS id, (e->>1)::bigint AS seq FROM jsonb_array_elements($4::text::jsonb) e),
locked AS MATERIALIZED (SELECT c.id, c.seq FROM ${cache} c JOIN seen s ON s.id = c.id AND s.seq = c.seq
  ORDER BY c.key FOR UPDATE OF c SKIP LOCKED),
certified AS (UPDATE ${cache} c SET snap = $3::text::pg_snapshot, xid = NULL FROM locked l
  WHERE c.id = l.id AND c.seq = l.seq RETURNING 1)
SELECT $1::text, count(*)::text FROM certified WHERE octet_length($2::text) >= 0`,
    ),

    /**
     * Raises the horizon and deletes the tags below it, in one step: a reader that does not find a tag finds the
     * horizon that says why. `$3` the horizon. One row: number, how many went.
     */
    trimTags: idempotentWrite(
      'cleanupExpired',
      `WITH raised AS (UPDATE ${horizon} SET tag_xid = greatest(tag_xid, $3::text::xid8) RETURNING tag_xid),
gone AS (DELETE FROM ${tag} i USING raised WHERE i.xid < $3::text::xid8 RETURNING 1)
SELECT $1::text, count(*)::text FROM gone WHERE octet_length($2::text) >= 0`,
    ),

    /** Likewise for the event log. One row: number, how many went. */
    trimEvents: idempotentWrite(
      'cleanupExpired',
      `WITH target AS MATERIALIZED (SELECT least(pg_snapshot_xmin(pg_current_snapshot()),
  (SELECT e.xid FROM ${event} e WHERE e.at > clock_timestamp() - ${EVENT_RETENTION} ORDER BY e.xid LIMIT 1)) AS xid),
raised AS (UPDATE ${horizon} SET event_xid = greatest(event_xid, t.xid) FROM target t
  WHERE EXISTS (SELECT FROM ${event} e WHERE e.xid < t.xid) RETURNING t.xid),
gone AS (DELETE FROM ${event} e USING raised WHERE e.xid < raised.xid RETURNING 1)
SELECT $1::text, count(*)::text FROM gone WHERE octet_length($2::text) >= 0`,
    ),
  };
}
