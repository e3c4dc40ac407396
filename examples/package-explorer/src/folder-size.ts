import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { entriesOf, unlessMissing } from './read-while-changing.ts';

/** What some folders hold together. */
export interface FolderSize {
  readonly fileCount: number;
  readonly sizeInBytes: number;
}

/**
 * Walks folders and adds up their files. A file that is linked from several of them counts once, symbolic links are not
 * followed, and the `.bin` folders that the package manager adds do not count.
 */
export async function measureFolders(folders: readonly string[]): Promise<FolderSize> {
  const sizes = new Map<string, number>();
  await Promise.all(folders.map((folder) => measure(folder, sizes)));
  let sizeInBytes = 0;
  for (const size of sizes.values()) sizeInBytes += size;
  return { fileCount: sizes.size, sizeInBytes };
}

async function measure(folder: string, sizes: Map<string, number>): Promise<void> {
  const entries = await entriesOf(folder);
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === '.bin' ? undefined : measure(path, sizes);
      const file = entry.isFile() ? await unlessMissing(lstat(path), undefined) : undefined;
      if (file !== undefined) sizes.set(`${file.dev}:${file.ino}`, file.size);
    }),
  );
}
