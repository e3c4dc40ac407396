import type { Row } from './statement-runner.ts';

/** The text of a column, or `undefined` for NULL. */
export function textAt(row: Row, column: number): string | undefined {
  return row[column]?.toString('utf8');
}

/** The number in a column, or `undefined` for NULL. */
export function numberAt(row: Row, column: number): number | undefined {
  const text = row[column]?.toString('latin1');
  return text === undefined ? undefined : Number(text);
}

/** The JSON array of texts in a column. */
export function textsAt(row: Row, column: number): string[] {
  return JSON.parse(row[column]?.toString('utf8') ?? '[]') as string[];
}
