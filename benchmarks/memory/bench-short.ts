import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// The short version of each program, in turn; the long ones have scripts of their own.
for (const program of ['bench-hit-ratio.ts', 'bench-speed.ts', 'bench-footprint.ts']) {
  const { status } = spawnSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL(program, import.meta.url)), '--quick'],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
