import { hashOf, NOW, NOW_ONCE, type Predicates } from './predicates.ts';
import type { Relations } from './relations.ts';
import { read, type Statement } from './statement.ts';

/** What only reads. */
export interface ReadStatements {
  readonly getOne: Statement;
  readonly getMany: Statement;
  readonly judgeOne: Statement;
  readonly judgeMany: Statement;
  readonly exists: Statement;
  readonly lifetime: Statement;
  readonly entries: Statement;
  readonly listKeys: Statement;
  readonly ping: Statement;
}

/** Why `getOne` and `getMany` leave a row to `judgeOne` and `judgeMany`. */
export type Doubt = 'tags' | 'log';

/** The key that was asked for, or '' where the row says that it is another's: no value may go under a wrong key. */
function keyIfRight(askedKey: string): string {
  return `CASE WHEN c.plain_key IS NULL OR c.plain_key = ${askedKey} THEN ${askedKey} ELSE '' END`;
}

/**
 * What `entries` and `getOrLease` tell of a row, in this order: key, state (known, stale or none), value, payload,
 * absent, age, remaining, stale since, load duration, tags as JSON.
 */
export function entryColumns({ known, stale }: Predicates, askedKey: string): string {
  return `${keyIfRight(askedKey)} AS key,
    CASE WHEN ${known} THEN 'known' WHEN ${stale} THEN 'stale' ELSE 'none' END AS state,
    c.value::text AS value, encode(c.payload, 'hex') AS payload, CASE WHEN c.absent THEN 'yes' END AS absent,
    (date_part('epoch', clock_timestamp() AT TIME ZONE 'UTC') - date_part('epoch', c.updated_at))::text AS age,
    (c.expires_at - ${NOW})::text AS remaining, (${NOW} - c.expires_at)::text AS stale_for,
    c.load_ms::text AS load_ms, to_jsonb(c.tags)::text AS tags`;
}

export function readStatements({ cache, removal }: Relations, predicates: Predicates): ReadStatements {
  const { held, live, liveAmongMany, spent } = predicates;
  const doubt = `CASE WHEN c.tags IS NOT NULL THEN 'tags' WHEN EXISTS (SELECT FROM ${removal}) THEN 'log' END`;
  // One row reads the clock where it needs it: a sub-select for it costs more, and pays from a few rows on.
  const contentAt = (now: string): string => `CASE WHEN c.expires_at <= ${now} THEN NULL ELSE c.value::text END,
  CASE WHEN c.expires_at <= ${now} THEN NULL ELSE encode(c.payload, 'hex') END`;
  const sweepableAt = (now: string): string => `(c.expires_at IS NULL OR c.expires_at > ${now} OR ${spent})`;
  // OFFSET 0 keeps the planner from joining otherwise than by looking each key up: a plan made while the table was
  // small, and kept, reads all of it for every batch.
  const asked = `jsonb_array_elements_text($3::text::jsonb) k
CROSS JOIN LATERAL (SELECT * FROM ${cache} WHERE key = ${hashOf('k')} OFFSET 0) c`;
  // Equality and not `= ANY`, which would be planned each time.
  const askedOne = `${cache} c WHERE c.key = sha256(decode($2::text, 'hex') || convert_to($3::text, 'UTF8'))`;
  return {
    /**
     * `$3` the key. A row: number, key, value, payload, doubt. Value and payload are both NULL where the row has expired
     * and waits to be swept. Nearly all items have no tags, and nearly always no transaction has logged a removal that
     * is not carried out: then an item is live if it has not expired, and this asks nothing else. Otherwise the row comes
     * with a {@link Doubt}, and `judgeOne` has to say.
     */
    getOne: read(
      'get',
      `SELECT $1::text, ${keyIfRight('$3::text')}, ${contentAt(NOW)}, ${doubt}
FROM ${askedOne} AND ${held} AND ${sweepableAt(NOW)}`,
    ),

    /** `$3` the keys as a JSON array, each once: `["a","b"]`. A row for each that is found, as above, in no order. */
    getMany: read(
      'get',
      `SELECT $1::text, ${keyIfRight('k')}, ${contentAt(NOW_ONCE)}, ${doubt}
FROM ${asked} WHERE ${held} AND ${sweepableAt(NOW_ONCE)}`,
    ),

    /** As `getOne`, with all that may have invalidated the item looked up. There is no doubt left: number to payload. */
    judgeOne: read(
      'get',
      `SELECT $1::text, ${keyIfRight('$3::text')}, ${contentAt(NOW)}
FROM ${askedOne} AND (${live} OR (${held} AND ${spent}))`,
    ),

    /** Likewise for keys as `getMany` takes them. */
    judgeMany: read(
      'get',
      `SELECT $1::text, ${keyIfRight('k')}, ${contentAt(NOW_ONCE)}
FROM ${asked} WHERE (${liveAmongMany} OR (${held} AND ${spent}))`,
    ),

    /** `$3` the key. A row if there is a live value: number, key. */
    exists: read(
      'exists',
      `SELECT $1::text, ${keyIfRight('$3::text')} FROM ${cache} c WHERE c.key = ${hashOf('$3::text')} AND ${live}`,
    ),

    /** `$3` the key. A row if there is a live value: number, key, seconds left, end, value, payload. */
    lifetime: read(
      'lifetime',
      `SELECT $1::text, ${keyIfRight('$3::text')}, (c.expires_at - ${NOW})::text, c.expires_at::text,
  c.value::text, encode(c.payload, 'hex')
FROM ${cache} c WHERE c.key = ${hashOf('$3::text')} AND ${live}`,
    ),

    /** `$3` the keys as a JSON array. A row for each that has one: number and {@link entryColumns}. */
    entries: read(
      'getEntries',
      `SELECT $1::text, ${entryColumns(predicates, 'k')}
FROM ${asked}`,
    ),

    /**
     * `$3` namespace, `$4` the prefix of the keys, `$5` the last id seen, `$6` how many rows to look at.
     * One row: number, the last id looked at or NULL at the end, the keys as a JSON array.
     */
    listKeys: read(
      'keys',
      `SELECT $1::text, max(c.id)::text, coalesce(json_agg(c.plain_key) FILTER (WHERE c.is_listed), '[]')::text
FROM (SELECT c.id, c.plain_key, (c.namespace = $3::text AND starts_with(c.plain_key, $4::text) AND ${live}) AS is_listed
  FROM (SELECT * FROM ${cache} WHERE id > $5::text::bigint ORDER BY id LIMIT $6::text::int) c) c
WHERE octet_length($2::text) >= 0`,
    ),

    /** One row: number. It touches the table, as a server that answers but has lost it is of no use. */
    ping: read('ping', `SELECT $1::text FROM (SELECT $2::text) one LEFT JOIN ${cache} c ON false`),
  };
}
