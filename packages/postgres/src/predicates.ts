import type { Relations } from './relations.ts';

/**
 * The SQL conditions that decide what may be served. Every statement that reads or replaces a row uses these and no
 * others, each on a row called `c` of the table.
 *
 * **Invariant.** A value carries `snap`, a snapshot under which everything it was made of was visible or later: for a
 * filled value the snapshot of its lease, for a set one that of its statement. An invalidation logged by transaction X
 * is over the value's head if `snap` sees X; otherwise the value may be older than it, and is dead. Within one
 * transaction, where a snapshot says nothing of the transaction's own work, `seq` tells which came first.
 * Autocommit removals need no log: they delete the row, and a row's lock orders them with a fill, which only updates
 * the row that still holds its own lease.
 *
 * No clock takes part but the database's own, and that only for lifetimes.
 */
export interface Predicates {
  /** The row holds a value, whatever its age. */
  readonly held: string;
  /** Neither expired nor invalidated. */
  readonly current: string;
  /** A live value: what `get` shows. */
  readonly live: string;
  /**
   * The same as `live`, for a statement that reads many rows and locks none: whether the log of removals holds anything
   * is asked once. That is exact, as all of one such statement has one snapshot; where nothing is in the log under it,
   * no row's look-up there could find anything.
   */
  readonly liveAmongMany: string;
  /** A live value or a live negative entry: what ends a search. */
  readonly known: string;
  /** A value that is not live, but may be served within its stale window. */
  readonly stale: string;
  /** Somebody holds the lease. */
  readonly leased: string;
  /** Nothing of the row is good for anything: it may be deleted. */
  readonly spent: string;
}

/** The time now in Unix seconds, with a fraction; volatile, as a transaction may be old. */
export const NOW = `date_part('epoch', clock_timestamp())`;

/** Likewise, but read once a statement: for many rows. */
export const NOW_ONCE = `(SELECT date_part('epoch', clock_timestamp()))`;

/** What goes before every key of this cache before it is hashed: `$2` in every statement. */
export const PREFIX = `(SELECT decode($2::text, 'hex'))`;

/** The hash that stands for the whole namespace: that of its prefix alone, which no key can equal. */
export const NAMESPACE_KEY = `(SELECT sha256(decode($2::text, 'hex')))`;

/** The hash under which `plainKey`, an SQL expression of type text, is stored. */
export function hashOf(plainKey: string): string {
  return `sha256(${PREFIX} || convert_to(${plainKey}, 'UTF8'))`;
}

/** The end of a lifetime of `seconds`, an SQL expression: whole Unix seconds, rounded up, so never early. */
export function endOf(seconds: string): string {
  return `ceil(${NOW} + ${seconds})::bigint`;
}

export function predicatesOn({ removal, tag, horizon }: Relations): Predicates {
  const held = `(c.value IS NOT NULL OR c.payload IS NOT NULL)`;
  const unexpired = `(c.expires_at IS NULL OR c.expires_at > ${NOW})`;
  const unseenBy = (log: string): string =>
    `CASE WHEN ${log}.xid = c.xid THEN ${log}.seq > c.seq ELSE NOT pg_visible_in_snapshot(${log}.xid, c.snap) END`;
  // A soft invalidation (expireItem, expireTags) leaves a stale copy for the window that the item was stored with.
  const endsStaleCopy = (log: string): string =>
    `(NOT ${log}.stale OR date_part('epoch', ${log}.at) + (c.stale_until - c.expires_at) <= ${NOW})`;
  const notRemoved = (condition: string): string =>
    `NOT EXISTS (SELECT FROM ${removal} r WHERE r.key = ANY (ARRAY[c.key, ${NAMESPACE_KEY}])
      AND (r.prefix IS NULL OR starts_with(c.plain_key, r.prefix)) AND ${condition})`;
  // LATERAL … LIMIT 1 makes the planner look each tag up in the index instead of reading the whole log for each row.
  const tagsValid = (condition: string): string =>
    `(c.tags IS NULL OR (pg_snapshot_xmin(c.snap) >= coalesce((SELECT h.tag_xid FROM ${horizon} h), '0'::xid8)
      AND NOT EXISTS (SELECT FROM unnest(c.tags) AS t(tag), LATERAL
        (SELECT 1 FROM ${tag} i WHERE i.tag = t.tag AND ${condition} LIMIT 1) AS found)))`;
  const unremoved = notRemoved(unseenBy('r'));
  const validByTags = tagsValid(unseenBy('i'));
  const current = `${unexpired} AND ${unremoved} AND ${validByTags}`;
  const isLogEmpty = `(SELECT NOT EXISTS (SELECT FROM ${removal}))`;
  const unspoilt = `${notRemoved(`${unseenBy('r')} AND ${endsStaleCopy('r')}`)}
    AND ${tagsValid(`${unseenBy('i')} AND ${endsStaleCopy('i')}`)}`;
  const leaseHeld = `(c.lease IS NOT NULL AND c.lease_until > clock_timestamp())`;
  return {
    held,
    current: `(${current})`,
    live: `(${held} AND ${current})`,
    liveAmongMany: `(${held} AND ${unexpired} AND (${isLogEmpty} OR ${unremoved}) AND ${validByTags})`,
    known: `((${held} OR c.absent) AND ${current})`,
    stale: `(${held} AND coalesce(c.stale_until, 0) > ${NOW} AND ${unspoilt})`,
    leased: `(${leaseHeld} AND ${notRemoved('NOT pg_visible_in_snapshot(r.xid, c.lease_snap)')})`,
    spent: `(coalesce(c.stale_until, c.expires_at) <= ${NOW} AND NOT ${leaseHeld})`,
  };
}
