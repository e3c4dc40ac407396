import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';

/** A folder's entries; none if it is not there. */
export function entriesOf(folder: string): Promise<Dirent[]> {
  return unlessMissing(readdir(folder, { withFileTypes: true }), []);
}

/** The answer of a file-system call, or `otherwise` if the file went away before it was read, or is not a folder. */
export async function unlessMissing<T, D>(answer: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await answer;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return otherwise;
    throw error;
  }
}
