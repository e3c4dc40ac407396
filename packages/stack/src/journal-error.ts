import { type CacheError, CacheOptionError, CacheUnavailableError, redactedCause } from '@cache/core';

/** What only whoever runs the process can put right. */
const CONFIGURATION: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EEXIST',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
]);

/** A failure of the file system, with its code and without its message, which quotes paths. */
export function journalError(operation: 'open' | 'append' | 'close', error: unknown): CacheError {
  const cause = redactedCause(error);
  const context = { operation, backend: 'journal', cause };
  if (CONFIGURATION.has(cause.code)) {
    const advice = 'It needs a directory of its own, on a local disk, that this process may write to.';
    return new CacheOptionError(`The journal's directory cannot be used (${cause.code}). ${advice}`, context);
  }
  const what = operation === 'append' ? 'could not keep a write, which is therefore not queued' : 'failed';
  return new CacheUnavailableError(`The journal ${what} (${cause.code ?? cause.name}).`, context);
}
