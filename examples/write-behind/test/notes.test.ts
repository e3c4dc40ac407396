import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { databaseUrl, settle, uniqueName } from '@cache/test-servers';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import postgres from 'postgres';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const LOADER = new URL('../../../tools/typescript.mjs', import.meta.url).href;

interface Service {
  readonly process: ChildProcess;
  readonly address: string;
}

let folder: string;
let schema: string;
let sql: postgres.Sql;
let running: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'notes-'));
  schema = uniqueName('notes').replaceAll(/\W/g, '_').toLowerCase();
  sql = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
});

afterEach(async () => {
  running?.kill('SIGKILL');
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
  await rm(folder, { recursive: true });
});

/** The service as its README starts it, with its tables in a schema of the test's own. */
async function start(): Promise<Service> {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const url = new URL(databaseUrl());
  url.searchParams.set('search_path', schema);
  running = spawn(process.execPath, ['--conditions=@cache/source', '--import', LOADER, MAIN], {
    env: { ...environment, DATABASE_URL: url.href, JOURNAL_DIRECTORY: join(folder, 'journal') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (running.stdout === null) throw new Error('It has an output.');
  const first = await settle(once(createInterface(running.stdout), 'line'), 30_000);
  if (first.state === 'rejected') throw first.reason;
  return { process: running, address: String(first.value[0]) };
}

function put(address: string, name: string, note: string): Promise<Response> {
  return fetch(`${address}/notes/${name}`, { method: 'PUT', body: note });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  const ended = once(child, 'close');
  child.kill(signal);
  const end = await settle(ended, 30_000);
  return end.state === 'fulfilled' ? end.value : end.reason;
}

function notes(): Promise<{ key: string; text: string }[]> {
  return sql.unsafe(`SELECT key, text FROM ${schema}.note WHERE text IS NOT NULL ORDER BY length(key), key`);
}

const NAMES = Array.from({ length: 50 }, (_, index) => `n${index}`);
const EXPECTED = NAMES.map((key) => ({ key, text: `second of ${key}` }));

async function writeAll(address: string): Promise<void> {
  for (const round of ['first', 'second']) {
    const answers = await Promise.all(NAMES.map((name) => put(address, name, `${round} of ${name}`)));
    expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
  }
}

it('A note is read as soon as it is accepted, and is in the database after SIGTERM', async () => {
  const { process: service, address } = await start();
  await writeAll(address);
  expect(await (await fetch(`${address}/notes/n7`)).json()).toEqual({ text: 'second of n7' });
  await put(address, 'gone', 'x');
  await fetch(`${address}/notes/gone`, { method: 'DELETE' });
  expect((await fetch(`${address}/notes/gone`)).status).toBe(404);
  expect((await fetch(`${address}/elsewhere`)).status).toBe(404);
  expect((await put(address, '%00', 'x')).status).toBe(400);
  expect(await end(service, 'SIGTERM')).toEqual([0, null]);
  expect(await notes()).toEqual(EXPECTED);
});

it('Notes survive kill -9: the next start brings them to the database', async () => {
  const first = await start();
  await writeAll(first.address);
  expect(await end(first.process, 'SIGKILL')).toEqual([null, 'SIGKILL']);
  const second = await start();
  expect(await (await fetch(`${second.address}/notes/n7`)).json()).toEqual({ text: 'second of n7' });
  expect(await end(second.process, 'SIGTERM')).toEqual([0, null]);
  expect(await notes()).toEqual(EXPECTED);
});
