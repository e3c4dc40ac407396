import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TYPESCRIPT = new URL('../../tools/typescript.mjs', import.meta.url).href;

/** Runs a cell program in a fresh process and answers what it printed; `undefined` if it failed or took too long. */
export async function runCell(program: string, args: readonly string[], limitMs: number): Promise<unknown> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--expose-gc',
      '--max-old-space-size=4096',
      '--conditions=@cache/source',
      '--disable-warning=ExperimentalWarning',
      '--import',
      TYPESCRIPT,
      file,
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.resume();
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return code === 0 ? JSON.parse(output) : undefined;
}

/** One line that says how far a run is, on a terminal only. */
export function showProgress(doneCount: number, total: number, what: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(doneCount === total ? '\r\x1b[K' : `\r\x1b[K${doneCount}/${total} ${what}`);
}
