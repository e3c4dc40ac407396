/**
 * One SQL statement. `$1` is a number that is new for each execution and comes back in the first column of every row,
 * `$2` the hexadecimal bytes that go before each key (see `Relations`); what follows is said at each statement.
 *
 * **Every parameter is text and cast in SQL.** postgres.js serialises nothing then: a serialiser that throws, and
 * parameters serialised a second time when a lost prepared statement is retried, were seen to hand one query's rows to
 * another and to corrupt values. **Every column is text too**, and read raw, so an application's own types and
 * transforms do not reach it.
 */
export interface Statement {
  /** For errors: what was being done. */
  readonly name: string;
  readonly text: string;
  /** It changes something. It answers exactly one row then, so that its answer can be told from another's. */
  readonly isWrite: boolean;
  /** Executing it twice leaves what executing it once does: it may be retried. */
  readonly isIdempotent: boolean;
}

export function read(name: string, text: string): Statement {
  return { name, text, isWrite: false, isIdempotent: true };
}

export function idempotentWrite(name: string, text: string): Statement {
  return { name, text, isWrite: true, isIdempotent: true };
}

export function write(name: string, text: string): Statement {
  return { name, text, isWrite: true, isIdempotent: false };
}
