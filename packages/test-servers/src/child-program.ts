import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { settle } from './settle.ts';

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A Node process of its own, in which an unhandled rejection or an uncaught exception is fatal, as in production. */
export interface ChildProgram extends AsyncDisposable {
  /** Sends one line to it and gives the JSON that it answers with. */
  ask(question: string): Promise<unknown>;
  /** Closes its standard input and waits until it ends by itself. */
  end(): Promise<ProgramEnd>;
}

/** A program that hangs is found by them; one on a busy machine is not blamed. */
const ANSWER_LIMIT_MS = 60_000;
const END_LIMIT_MS = 30_000;
const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;

/** Runs a TypeScript program with arguments. It reads questions line by line, answers each with a line of JSON, and ends with its input. */
export function startProgram(program: URL, ...args: string[]): ChildProgram {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const path = fileURLToPath(program);
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--conditions=@cache/source', '--import', loader, path, ...args],
    { env, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    async ask(question) {
      child.stdin.write(`${question}\n`);
      const answer = await settle(lines.next(), ANSWER_LIMIT_MS);
      if (answer.state === 'rejected' || answer.value.done) {
        throw new Error(`${path} did not answer "${question}". Its last words:\n${stderr}`);
      }
      return JSON.parse(answer.value.value);
    },
    async end() {
      child.stdin.end();
      const end = await settle(closed, END_LIMIT_MS);
      if (end.state === 'rejected') throw end.reason;
      const [code, signal] = end.value;
      return { code, signal, stderr };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
