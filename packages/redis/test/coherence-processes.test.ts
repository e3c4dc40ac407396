import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { expect, test } from '@jest/globals';

/** `all` for a minute, or a number of seconds. */
const { CHECK_COHERENCE = '3' } = process.env;
const DURATION_MS = CHECK_COHERENCE === 'all' ? 60_000 : Number(CHECK_COHERENCE) * 1_000;
const LIMIT_MS = DURATION_MS + 60_000;

interface Outcome {
  readonly reads: number;
  readonly stale: number;
  readonly writes: number;
}

const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;
const program = fileURLToPath(new URL('./coherence/burst-process.ts', import.meta.url));

function run(prefix: string, design: 'fenced' | 'naive', role: 'reader' | 'writer'): Promise<Outcome> {
  const args = ['--import', loader, '--conditions=@cache/source', program, redisUrl(), prefix, design, role];
  const child = spawn(process.execPath, [...args, `${DURATION_MS}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Outcome);
      else reject(new Error(`The ${role} ended with ${code}: ${errors}`));
    });
  });
}

async function check(design: 'fenced' | 'naive') {
  const prefix = `${uniqueName(design)}:`;
  const [writer, ...readers] = await Promise.all([
    run(prefix, design, 'writer'),
    run(prefix, design, 'reader'),
    run(prefix, design, 'reader'),
  ]);
  const sum = (of: (outcome: Outcome) => number) => readers.reduce((total, outcome) => total + of(outcome), 0);
  return { writes: writer.writes, reads: sum(({ reads }) => reads), stale: sum(({ stale }) => stale) };
}

test(
  'rows 41, 43: three processes: no read shows what an acknowledged invalidation ended',
  async () => {
    const { reads, writes, stale } = await check('fenced');
    expect(reads).toBeGreaterThan(50);
    expect(writes).toBeGreaterThan(5);
    expect(stale).toBe(0);
  },
  LIMIT_MS,
);

test(
  'three processes: the same check finds cache-aside out',
  async () => {
    const { stale } = await check('naive');
    expect(stale).toBeGreaterThan(0);
  },
  LIMIT_MS,
);
