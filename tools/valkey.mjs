import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';

/**
 * The path of a `valkey-server`: the one on PATH, or else, on Debian, the one of the distribution's packages (of its
 * backports where the release is older than Valkey), unpacked into `folder` and not installed.
 *
 * @throws Error that says what to install
 */
export function getValkey(folder) {
  const packages = ['valkey-server', 'valkey-tools'];
  if (runs('valkey-server', ['--version'])) return 'valkey-server';
  mkdirSync(folder, { recursive: true });
  if (!runs('apt-get', ['download', ...packages], folder) && !downloadFromBackports(packages, folder))
    throw new Error('Install valkey-server, so that it is on PATH.');
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.deb')))
    run('dpkg', ['-x', join(folder, name), folder]);
  return join(folder, 'usr', 'bin', 'valkey-server');
}

function runs(command, args, cwd) {
  try {
    run(command, args, { cwd });
    return true;
  } catch {
    return false;
  }
}

/** With lists of its own, so that what the machine installs from stays as it is. */
function downloadFromBackports(packages, folder) {
  const release = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const targets = run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', 'Created-By: Packages']);
  const mirror = targets.split('\n').find((line) => line.endsWith(` ${release}`));
  if (mirror === undefined) return false;
  const lists = join(folder, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  const sources = join(folder, 'backports.list');
  writeFileSync(sources, `deb ${mirror}-backports main\n`);
  const options = [
    '-o',
    `Dir::Etc::sourcelist=${sources}`,
    '-o',
    'Dir::Etc::sourceparts=-',
    '-o',
    `Dir::State::lists=${lists}`,
  ];
  return runs('apt-get', [...options, 'update']) && runs('apt-get', [...options, 'download', ...packages], folder);
}
