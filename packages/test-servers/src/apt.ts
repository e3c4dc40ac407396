import { existsSync } from 'node:fs';
import { runProgram } from './run-program.ts';

/** Only where installing is nobody's business but ours: a CI machine of the Debian family, as root. */
export function mayUseApt(): boolean {
  return process.env['CI'] === 'true' && process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

/** Installs Debian packages. Other packages' tests may be doing the same, hence the wait for the lock and the second and third try. */
export async function aptInstall(packages: readonly string[]): Promise<void> {
  // In runlevel 1 Debian's scripts start no service: the tests want programs, on ports of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = { limitMs: 300_000, env };
  for (let attempt = 1; ; attempt++) {
    try {
      await runProgram('apt-get', ['update', '-q'], options);
      await runProgram(
        'apt-get',
        ['install', '-qy', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=240', ...packages],
        options,
      );
      return;
    } catch (error) {
      if (attempt === 3) throw error;
      await new Promise((done) => setTimeout(done, 5_000));
    }
  }
}
