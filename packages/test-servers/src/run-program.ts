import { spawn } from 'node:child_process';

/** How {@link runProgram} runs a program. */
export interface RunProgramOptions {
  readonly limitMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Runs a program to its end. Throws with the last words it printed when it fails or takes longer than `limitMs`. */
export function runProgram(command: string, args: readonly string[], options: RunProgramOptions): Promise<string> {
  const { limitMs, account, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...rest,
      ...account,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ended with ${code ?? signal}:\n${output.trim().slice(-2_000)}`));
    });
  });
}
