import { endOf, hashOf, NAMESPACE_KEY, NOW, PREFIX, type Predicates } from './predicates.ts';
import type { Relations } from './relations.ts';
import { idempotentWrite, type Statement, write } from './statement.ts';

/** What changes items. */
export interface WriteStatements {
  readonly set: Statement;
  readonly setOne: Statement;
  readonly setWithNx: Statement;
  readonly increment: Statement;
  readonly remove: Statement;
  readonly removeIfEquals: Statement;
  readonly setTtlIfEquals: Statement;
  readonly expire: Statement;
  readonly sweep: Statement;
  readonly logRemovals: Statement;
  readonly logClear: Statement;
  readonly logTags: Statement;
}

/** How the statements of one cache are to be. */
export interface WriteVariant {
  /** Store keys as text beside their hash. */
  readonly keepsPlainKeys: boolean;
  /** Tell the event log, in the same statement, what others must forget. */
  readonly tellsEvents: boolean;
}

/**
 * The labels of the tags in `e`: each in its namespace. The sub-select about the parameter counts: in a generic plan the
 * concatenation would be costed once for each tag of each item, in a custom one it is a constant, so the server would
 * think it cheaper to plan the statement anew for every execution.
 */
export function labelsOf(namespace: string): string {
  return `CASE WHEN jsonb_typeof(e->3) = 'array' THEN
    ARRAY(SELECT (SELECT ${namespace}::text || ' ') || t FROM jsonb_array_elements_text(e->3) t) END`;
}

/** `e`, one item of `set` as a JSON array: key, JSON value, lifetime, tags, payload in hex, JSON value as text. */
const ELEMENT = {
  key: `(e->>0)`,
  value: `coalesce(nullif(e->1, 'null'::jsonb), (e->>5)::jsonb)`,
  expiresAt: endOf(`(e->>2)::float8`),
  tags: labelsOf('$4'),
  payload: `decode(e->>4, 'hex')`,
};

/** A stored value replaces everything that the row held, the lease of a load in progress included. */
const REPLACE = `plain_key = EXCLUDED.plain_key, value = EXCLUDED.value, payload = EXCLUDED.payload, absent = false,
  expires_at = EXCLUDED.expires_at, stale_until = NULL, load_ms = NULL, tags = EXCLUDED.tags,
  snap = EXCLUDED.snap, xid = EXCLUDED.xid, seq = EXCLUDED.seq, updated_at = EXCLUDED.updated_at,
  lease = NULL, lease_until = NULL, lease_snap = NULL`;

const UTC = `(clock_timestamp() AT TIME ZONE 'UTC')`;

export function writeStatements(relations: Relations, predicates: Predicates, variant: WriteVariant): WriteStatements {
  const { cache, removal, tag, seq } = relations;
  const { live, spent } = predicates;
  const plainKey = (key: string): string => (variant.keepsPlainKeys ? key : `nullif(${key}, ${key})`);
  const event = (parameters: { namespace: string; origin: string }, kind: string, subjects: string): string =>
    `event AS (INSERT INTO ${relations.event} (namespace, origin, kind, subject)
  SELECT ${parameters.namespace}::text, ${parameters.origin}::text, ${kind}, ${subjects})`;
  const told = (parameters: { namespace: string; origin: string }, kind: string, subjects: string): string =>
    variant.tellsEvents ? `, ${event(parameters, kind, subjects)}` : '';
  const upsert = (elements: string, order = ''): string =>
    `INSERT INTO ${cache} AS c (key, plain_key, namespace, value, payload, expires_at, tags, updated_at, snap, xid, seq)
  SELECT sha256(${PREFIX} || convert_to(${ELEMENT.key}, 'UTF8')), ${plainKey(ELEMENT.key)}, $4::text, ${ELEMENT.value},
    ${ELEMENT.payload}, ${ELEMENT.expiresAt}, ${ELEMENT.tags}, ${UTC},
    pg_current_snapshot(), pg_current_xact_id(), nextval(${seq})
  FROM ${elements}${order} ON CONFLICT (key) DO UPDATE SET ${REPLACE}`;
  return {
    /**
     * `$3` the items as a JSON array of arrays, each key once: `[["a",{"b":1},300],["c",null,null,["tag"],"00ff"]]`,
     * `$4` namespace, `$5` origin where events are told. One row: number, how many were stored.
     * Rows are locked in the order of their hashes, here and everywhere: two batches cannot deadlock.
     */
    set: idempotentWrite(
      'set',
      `WITH written AS (${upsert('jsonb_array_elements($3::text::jsonb) e', ' ORDER BY 1')} RETURNING 1)
${told({ namespace: '$4', origin: '$5' }, `'key'`, `e->>0 FROM jsonb_array_elements($3::text::jsonb) e`)}
SELECT $1::text, count(*)::text FROM written`,
    ),

    /**
     * `$3` the key, `$4` namespace, `$5` the value as JSON, `$6` the lifetime or NULL, `$7` origin where events are told.
     * One row: number, how many were stored. What `set` does to one item without tags, for less of the server's time: the
     * value is parsed once and not copied out of an array, and the table is written to without a CTE.
     */
    setOne: idempotentWrite(
      'set',
      `${variant.tellsEvents ? `WITH ${event({ namespace: '$4', origin: '$7' }, `'key'`, '$3::text')}\n` : ''}\
INSERT INTO ${cache} AS c (key, plain_key, namespace, value, expires_at, updated_at, snap, xid, seq)
  VALUES (sha256(decode($2::text, 'hex') || convert_to($3::text, 'UTF8')), ${plainKey('$3::text')}, $4::text,
    $5::text::jsonb, ${endOf('$6::text::float8')}, ${UTC}, pg_current_snapshot(), pg_current_xact_id(), nextval(${seq}))
  ON CONFLICT (key) DO UPDATE SET ${REPLACE} RETURNING $1::text, '1'`,
    ),

    /** `$3` the item as for `set`, alone, `$4` namespace, `$5` origin. One row: number, how many were stored. */
    setWithNx: write(
      'setWithNx',
      `WITH written AS (${upsert(`(SELECT $3::text::jsonb AS e) one`)} WHERE NOT ${live} RETURNING 1)
${told({ namespace: '$4', origin: '$5' }, `'key'`, `$3::text::jsonb->>0 FROM written`)}
SELECT $1::text, count(*)::text FROM written`,
    ),

    /**
     * `$3` the key, `$4` namespace, `$5` the amount, `$6` the lifetime or NULL, `$7` origin. One row: number, the sum,
     * or NULL where the item is no counter or the sum would leave ±(2^53 − 1), where nothing is changed.
     */
    increment: write(
      'increment',
      `WITH counted AS (INSERT INTO ${cache} AS c (key, plain_key, namespace, value, expires_at, updated_at, snap, xid, seq)
  VALUES (${hashOf('$3::text')}, ${plainKey('$3::text')}, $4::text, to_jsonb($5::text::bigint),
    ${endOf('$6::text::float8')}, ${UTC}, pg_current_snapshot(), pg_current_xact_id(), nextval(${seq}))
  ON CONFLICT (key) DO UPDATE SET (plain_key, value, payload, absent, expires_at, stale_until, load_ms, tags, snap, xid,
    seq, updated_at, lease, lease_until, lease_snap) = (SELECT EXCLUDED.plain_key,
      CASE WHEN alive THEN to_jsonb((c.value #>> '{}')::numeric + $5::text::bigint) ELSE EXCLUDED.value END, NULL::bytea, false,
      CASE WHEN alive THEN c.expires_at ELSE EXCLUDED.expires_at END, CASE WHEN alive THEN c.stale_until END, NULL::int,
      CASE WHEN alive THEN c.tags END, CASE WHEN alive THEN c.snap ELSE EXCLUDED.snap END,
      CASE WHEN alive THEN c.xid ELSE EXCLUDED.xid END, CASE WHEN alive THEN c.seq ELSE EXCLUDED.seq END,
      EXCLUDED.updated_at, NULL::text, NULL::timestamptz, NULL::pg_snapshot FROM (SELECT ${live} AS alive OFFSET 0) judged)
  WHERE NOT ${live} OR CASE WHEN c.payload IS NULL AND jsonb_typeof(c.value) = 'number' THEN
      (c.value #>> '{}')::numeric % 1 = 0 AND abs((c.value #>> '{}')::numeric) <= 9007199254740991
      AND abs((c.value #>> '{}')::numeric + $5::text::bigint) <= 9007199254740991 ELSE false END
  RETURNING c.value #>> '{}' AS sum)
${told({ namespace: '$4', origin: '$7' }, `'key'`, `$3::text FROM counted`)}
SELECT $1::text, (SELECT sum FROM counted)`,
    ),

    /** `$3` the keys as a JSON array, each once; `$4` namespace, `$5` origin. One row: number, the live ones as JSON. */
    remove: idempotentWrite(
      'removeItem',
      `WITH asked AS (SELECT k, ${hashOf('k')} AS key FROM jsonb_array_elements_text($3::text::jsonb) k),
locked AS MATERIALIZED (SELECT c.key, ${live} AS was_live FROM ${cache} c
  WHERE c.key = ANY (ARRAY(SELECT key FROM asked)) AND c.namespace = $4::text ORDER BY c.key FOR UPDATE),
gone AS (DELETE FROM ${cache} c USING locked l WHERE c.key = l.key RETURNING c.key, l.was_live)
${told({ namespace: '$4', origin: '$5' }, `'key'`, `k FROM asked`)}
SELECT $1::text, coalesce(json_agg(a.k), '[]')::text FROM gone g JOIN asked a ON a.key = g.key WHERE g.was_live`,
    ),

    /** `$3` the key, `$4` namespace, `$5` JSON or NULL, `$6` hex or NULL, `$7` origin. One row: number, how many went. */
    removeIfEquals: write(
      'removeIfEquals',
      `WITH gone AS (DELETE FROM ${cache} c WHERE c.key = ${hashOf('$3::text')} AND c.namespace = $4::text
  AND (c.value = $5::text::jsonb OR c.payload = decode($6::text, 'hex')) AND ${live} RETURNING 1)
${told({ namespace: '$4', origin: '$7' }, `'key'`, `$3::text FROM gone`)}
SELECT $1::text, count(*)::text FROM gone`,
    ),

    /**
     * `$3` the key, `$4` namespace, `$5` JSON or NULL, `$6` hex or NULL, `$7` the lifetime or NULL, `$8` origin. One row:
     * number, how many have it. A stale window keeps its length. Sent twice it does no more than once.
     */
    setTtlIfEquals: idempotentWrite(
      'setTtlIfEquals',
      `WITH kept AS (UPDATE ${cache} c SET (expires_at, stale_until, updated_at) =
    (SELECT e.ends, e.ends + (c.stale_until - c.expires_at), ${UTC} FROM (SELECT ${endOf('$7::text::float8')} AS ends OFFSET 0) e)
  WHERE c.key = ${hashOf('$3::text')} AND c.namespace = $4::text
    AND (c.value = $5::text::jsonb OR c.payload = decode($6::text, 'hex')) AND ${live} RETURNING 1)
${told({ namespace: '$4', origin: '$8' }, `'key'`, `$3::text FROM kept`)}
SELECT $1::text, count(*)::text FROM kept`,
    ),

    /**
     * `$3` the key, `$4` namespace, `$5` origin. One row: number, whether it was live.
     * One UPDATE whatever the row holds: two statements for two kinds of row would both miss one that changed its kind.
     */
    expire: idempotentWrite(
      'expireItem',
      `WITH locked AS MATERIALIZED (SELECT c.key, ${live} AS was_live FROM ${cache} c
  WHERE c.key = ${hashOf('$3::text')} AND c.namespace = $4::text FOR UPDATE),
expired AS (UPDATE ${cache} c SET expires_at = least(c.expires_at, floor(${NOW})::bigint),
    stale_until = CASE WHEN c.stale_until > c.expires_at AND c.expires_at > ${NOW}
      THEN floor(${NOW})::bigint + (c.stale_until - c.expires_at) ELSE c.stale_until END,
    lease = NULL, lease_until = NULL, lease_snap = NULL
  FROM locked l WHERE c.key = l.key RETURNING l.was_live)
${told({ namespace: '$4', origin: '$5' }, `'key'`, `$3::text`)}
SELECT $1::text, count(*) FILTER (WHERE was_live)::text FROM expired`,
    ),

    /** `$3` keys whose rows a read found expired, as a JSON array. One row: number, how many of them still were. */
    sweep: idempotentWrite(
      'cleanupExpired',
      `WITH locked AS MATERIALIZED (SELECT c.key FROM ${cache} c
  WHERE c.key = ANY (ARRAY(SELECT ${hashOf('k')} FROM jsonb_array_elements_text($3::text::jsonb) k)) AND ${spent}
  ORDER BY c.key FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM ${cache} c USING locked l WHERE c.key = l.key AND ${spent} RETURNING 1)
SELECT $1::text, count(*)::text FROM gone`,
    ),

    /**
     * In a caller's transaction: touching the rows there would make others wait for its end. `$3` the keys as a JSON
     * array, `$4` 'true' where a stale copy may stay, `$5` namespace, `$6` origin. One row: number, the live ones.
     */
    logRemovals: write(
      'removeItem',
      `WITH asked AS (SELECT k, ${hashOf('k')} AS key FROM jsonb_array_elements_text($3::text::jsonb) k),
logged AS (INSERT INTO ${removal} (key, stale) SELECT key, $4::text::boolean FROM asked)
${told({ namespace: '$5', origin: '$6' }, `'key'`, `k FROM asked`)}
SELECT $1::text, coalesce(json_agg(a.k), '[]')::text
FROM asked a JOIN ${cache} c ON c.key = a.key WHERE c.namespace = $5::text AND ${live}`,
    ),

    /**
     * Everything in the namespace is dead from here on, or what has the prefix. `$3` the prefix or NULL, `$4` namespace,
     * `$5` origin. One row: number.
     */
    logClear: idempotentWrite(
      'clear',
      `WITH logged AS (INSERT INTO ${removal} (key, whole, prefix) SELECT ${NAMESPACE_KEY}, true, $3::text)
${told({ namespace: '$4', origin: '$5' }, `CASE WHEN $3::text IS NULL THEN 'clear' ELSE 'clearPrefix' END`, `coalesce($3::text, '')`)}
SELECT $1::text FROM (SELECT $4::text) one`,
    ),

    /** `$3` the tags as a JSON array, `$4` 'true' where a stale copy may stay, `$5` namespace, `$6` origin. One row: number. */
    logTags: idempotentWrite(
      'invalidateTags',
      `WITH logged AS (INSERT INTO ${tag} (tag, stale)
  SELECT $5::text || ' ' || t, $4::text::boolean FROM jsonb_array_elements_text($3::text::jsonb) t)
${told({ namespace: '$5', origin: '$6' }, `'tag'`, `t FROM jsonb_array_elements_text($3::text::jsonb) t`)}
SELECT $1::text FROM (SELECT $2::text) one`,
    ),
  };
}
