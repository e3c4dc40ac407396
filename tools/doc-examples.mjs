import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { root, run } from './run.mjs';
import { workspacePackages } from './workspace-packages.mjs';

/**
 * Type-checks every `ts` block of the pages against the sources of this workspace, as strictly as the sources themselves.
 * A block that is part of a page's larger program says what is around it in a comment right before it, which no reader of the
 * page sees: `<!-- given: declare const url: string; -->`; `<!-- file: x.ts -->` names one that others import.
 */
const pages = run('git', ['ls-files', 'README.md', 'docs/*.md', 'packages/*/README.md', 'examples/*/README.md'])
  .split('\n')
  .filter((page) => page !== '' && existsSync(join(root, page)));
const folder = mkdtempSync(join(tmpdir(), 'cache-examples-'));
try {
  const examples = new Map(pages.flatMap((page) => examplesOf(page)).map((example) => [example.file, example]));
  if (examples.size === 0) throw new Error('No page has an example.');
  // Whatever this says must be an error, or the check checks nothing.
  examples.set('control.ts', { code: "import { nothing } from '@cache/core';\nconsole.log(nothing);\n" });
  for (const [file, { code }] of examples) writeFileSync(join(folder, file), code);
  prepare();

  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
  });
  // A line that is indented goes on with the error before it.
  const errors = `${stdout}${stderr}`.split(/\n(?=\S)/).filter((error) => error.trim() !== '');
  if (!errors.some((error) => error.startsWith('control.ts(')))
    throw new Error(`The control passed:\n${errors.join('\n')}`);
  // What is wrong in the sources themselves is the type check's to tell.
  const found = errors.filter((error) => !/^(control\.ts\(|\.\.)/.test(error)).map((error) => placed(error, examples));
  if (found.length > 0) {
    console.error(found.join('\n'));
    process.exitCode = 1;
  }
  console.log(`${examples.size - 1} examples in ${pages.length} pages checked`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The examples of a page, each a module of its own. */
function examplesOf(page) {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/((?:^<!-- .*? -->\s*)*)^```ts\n(.*?)^```$/gms)].map(([whole, comments, code], number) => {
    const given = /<!-- given: (.*?) -->/s.exec(comments)?.[1] ?? '';
    const file = /<!-- file: (\S+) -->/.exec(comments)?.[1] ?? `${page.replaceAll('/', '-')}-${number + 1}.ts`;
    // `export {}` makes a module of what neither imports nor exports, so that it may await.
    const head = `export {}; ${given.replaceAll('\n', ' ')}\n`;
    const line = text.slice(0, text.indexOf(whole) + comments.length).split('\n').length;
    return { page, line, file, code: head + code };
  });
}

/** An error of the compiler, said with the page's line. */
function placed(error, examples) {
  const [, file, line, rest] = /^(.+?)\((\d+),\d+\): (.*)$/s.exec(error) ?? [];
  const example = examples.get(file);
  return example === undefined ? error : `${example.page}:${example.line + Number(line) - 1}: ${rest}`;
}

/** A project in which every package of the workspace, and all that they depend on, is installed. */
function prepare() {
  const base = relative(folder, join(root, 'tsconfig.base.json'));
  const compilerOptions = {
    noEmit: true,
    isolatedDeclarations: false,
    customConditions: ['@cache/source'],
    erasableSyntaxOnly: false,
  };
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: base, compilerOptions, include: ['*.ts'] }));
  const packages = workspacePackages();
  for (const { folder: target, manifest } of packages) install(manifest.name, target);
  for (const { folder: home } of [...packages, { folder: root }]) {
    for (const name of installedIn(join(home, 'node_modules'))) install(name, join(home, 'node_modules', name));
  }
}

function install(name, target) {
  const link = join(folder, 'node_modules', name);
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(target, link, 'junction');
}

function installedIn(modules) {
  if (!existsSync(modules)) return [];
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names.flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((part) => `${name}/${part}`) : [name],
  );
}
