/** How @cache/postgres asks, within the statement of a read, whether a row has to be judged by the logs. */
const DOUBT = /,\s*CASE WHEN c\.tags IS NOT NULL THEN 'tags' WHEN EXISTS \(SELECT FROM [^)]*\) THEN 'log' END/;

/**
 * The statement with which untagged items are read, without the part that asks for tags and logs: what a read would cost
 * if nothing were promised.
 *
 * @throws Error when the statement is not of the form that this knows, so that nothing else is measured by mistake
 */
export function unfenced(statement: string): string {
  const text = statement.replace(DOUBT, '');
  if (text === statement || /_removal|_tag\b|_horizon/.test(text)) {
    throw new Error(`The fence was not found in this statement: ${statement}`);
  }
  return text;
}
