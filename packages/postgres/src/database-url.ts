import { CacheOptionError, redactedCause } from '@cache/core';

/**
 * What `use` makes of the URL, once it is seen to be one of PostgreSQL. The driver takes whatever it cannot read in a URL from
 * the environment and from its defaults, so another protocol would lead to some other database.
 *
 * @throws CacheOptionError
 */
export function withDatabaseUrl<T>(url: string, operation: string, use: (url: string) => T): T {
  try {
    // The driver reads the URL with this; its own error would carry the password.
    if (!/^postgres(?:ql)?:$/.test(new URL(url).protocol)) throw new Error('another protocol');
    return use(url);
  } catch (error) {
    throw new CacheOptionError('The URL is none: postgres://user:password@host:5432/database.', {
      operation,
      backend: 'postgres',
      cause: { name: redactedCause(error).name, code: undefined },
    });
  }
}
