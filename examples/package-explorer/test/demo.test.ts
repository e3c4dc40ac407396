import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const LIMIT_MS = 120_000;

/** The demo as a process of its own, with a temporary folder of its own. */
class Demo {
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], folder: string) {
    const node = ['--conditions=@cache/source', '--import', '../../tools/typescript.mjs', 'src/demo.ts'];
    this.process = spawn(process.execPath, [...node, ...args], { env: { ...process.env, TMPDIR: folder } });
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  async exitCode(): Promise<number | null> {
    const [code] = await once(this.process, 'close');
    return code;
  }

  /** Resolves with what the pattern found, as soon as it was printed. */
  async printed(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.stdout);
      if (found !== null) return found[0];
      if (this.process.exitCode !== null) throw new Error(`The demo ended: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

let folder: string;
let demos: Demo[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
  chmodSync(folder, 0o755); // As root, PostgreSQL is started for another user, who has to get in.
  demos = [];
});

afterEach(() => {
  for (const demo of demos) demo.process.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(...args: readonly string[]): Demo {
  const demo = new Demo(args, folder);
  demos.push(demo);
  return demo;
}

describe('the command line', () => {
  test.each([
    [['--backend', 'filing-cabinet'], 'There is no backend "filing-cabinet". Choose one of: memory'],
    [['--backend', 'toString'], 'There is no backend "toString".'],
    [['--colour'], "Unknown option '--colour'"],
    [['--backend'], "'--backend <value>' argument missing"],
    [['--requests', '0'], 'The number of requests at once is from 1 to 999; got "0".'],
    [['--port', '80000'], 'A port is a number from 0 to 65535; got "80000".'],
    [['surplus'], "Unexpected argument 'surplus'"],
  ])(
    '%j is refused with what is wrong, how to call it, and exit code 2',
    async (args, message) => {
      const demo = start(...args);
      expect(await demo.exitCode()).toBe(2);
      expect(demo.stderr).toContain(message);
      expect(demo.stderr).toContain('npm run demo -- [options]');
      expect(demo.stderr).not.toContain('    at ');
      expect(demo.stdout).toBe('');
    },
    LIMIT_MS,
  );

  test(
    'a port that is taken is refused too',
    async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const demo = start('--serve', '--port', String(port));
      expect(await demo.exitCode()).toBe(2);
      expect(demo.stderr).toContain(`Port ${port} cannot be used: EADDRINUSE.`);
      server.close();
    },
    LIMIT_MS,
  );

  test(
    '--help explains itself',
    async () => {
      const demo = start('--help');
      expect(await demo.exitCode()).toBe(0);
      expect(demo.stdout).toContain('--serve');
    },
    LIMIT_MS,
  );
});

test.each([
  ['memory', 'SIGINT'],
  ['memory', 'SIGTERM'],
  ['redis', 'SIGINT'],
  ['postgres', 'SIGINT'],
  ['stack', 'SIGINT'],
] as const)(
  '--serve caches in %s and answers at the address it prints, until %s',
  async (backend, signal) => {
    const demo = start('--serve', '--backend', backend);
    const url = await demo.printed(/http:\/\/127\.0\.0\.1:\d+/);
    await demo.printed(/Ctrl\+C/);
    const ask = async (method = 'GET') => {
      const answer = await fetch(`${url}/packages/typescript`, { method });
      expect(await answer.json()).toMatchObject({ name: 'typescript' });
      return answer.headers.get('cache-status');
    };
    expect(await ask()).toBe('package-explorer; fwd=miss; stored');
    expect(await ask()).toBe('package-explorer; hit');
    await ask('PURGE');
    expect(await ask()).toBe('package-explorer; fwd=miss; stored');

    demo.process.kill(signal);
    demo.process.kill(signal);
    expect(await demo.exitCode()).toBe(0);
    expect(demo.stderr).toBe('');
    expect(readdirSync(folder)).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'measures everything, tells it in lines that fit a terminal without colours, and leaves nothing behind',
  async () => {
    const demo = start('--requests', '10');
    expect(await demo.exitCode()).toBe(0);
    expect(demo.stderr).toBe('');
    for (const text of [
      'without the cache',
      'hit ratio',
      'from the cache, out of date',
      'plain cache-aside',
      'Took ',
    ]) {
      expect(demo.stdout).toContain(text);
    }
    expect(demo.stdout).toMatch(/cache, full +\S+ +\S+ +\S+ +\S+ +0\n/);
    expect(demo.stdout).toMatch(/under a lease +1 /);
    expect(demo.stdout).toMatch(/under a lease +0 of 8\n/);
    expect(Math.max(...demo.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(88);
    expect(demo.stdout).not.toContain('\u001b');
    expect(readdirSync(folder)).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'over a stack it also shows one load a stampede, nothing out of date, and answers while the server is silent',
  async () => {
    const demo = start('--backend', 'stack', '--requests', '10');
    expect(await demo.exitCode()).toBe(0);
    expect(demo.stderr).toBe('');
    expect(demo.stdout).toMatch(/getOrSet +1 /);
    expect(demo.stdout).toMatch(/getOrSet +0 of 8\n/);
    expect(demo.stdout).toMatch(/is silent +[1-9]/);
    expect(Math.max(...demo.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(88);
    expect(readdirSync(folder)).toEqual([]);
  },
  LIMIT_MS,
);

test.each([
  ['is interrupted', (demo: Demo) => demo.process.kill('SIGINT')],
  ['has lost its reader', (demo: Demo) => demo.process.stdout?.destroy()],
])(
  'a measurement that %s ends soon, with exit code 130, and leaves nothing behind',
  async (_, interrupt) => {
    const demo = start();
    await demo.printed(/without and with/);
    interrupt(demo);
    expect(await demo.exitCode()).toBe(130);
    expect(demo.stderr).toBe('');
    expect(readdirSync(folder)).toEqual([]);
  },
  LIMIT_MS,
);
