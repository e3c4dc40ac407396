import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { transformSync } from '@swc/core';
import { packAll } from './pack.mjs';
import { bin, root, run } from './run.mjs';
import { publishedPackages } from './workspace-packages.mjs';

/**
 * Uses every published package as its users will: packed, installed by npm in an empty folder outside the workspace, and
 * loaded from ES modules, from CommonJS, from jest in its default mode, and by two TypeScripts under three resolutions.
 * What is run and compiled is each package's `consumer.ts`, which exports `async function consume()`.
 * With `--typescript=6.0.3` it only compiles, with that version.
 */
const TYPESCRIPTS = { 5.9: 'typescript-5.9', 7: 'typescript' };
const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' };
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const asked = process.argv.find((argument) => argument.startsWith('--typescript='))?.split('=')[1];
const folder = mkdtempSync(join(tmpdir(), 'cache-consumer-'));
try {
  const packages = publishedPackages();
  const tarballs = packAll(join(folder, 'tarballs'));
  const home = join(folder, 'together');
  install(home, Object.fromEntries(tarballs), tarballs);
  if (asked === undefined) {
    for (const published of packages) useAlone(published, tarballs);
    runInJest(home, packages);
    for (const [version, alias] of Object.entries(TYPESCRIPTS))
      compileAll(home, packages, version, join(root, 'node_modules', alias));
  } else {
    run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--prefix', home, `typescript@${asked}`], {
      cwd: home,
    });
    compileAll(home, packages, asked, join(home, 'node_modules', 'typescript'));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** One package in a folder of its own: it brings core and nothing else of ours, and loads both ways. */
function useAlone({ folder: source, manifest }, tarballs) {
  const { name } = manifest;
  const program = join(source, 'consumer.ts');
  if (!existsSync(program)) throw new Error(`${name} has no consumer.ts: see CONTRIBUTING.md.`);
  const home = join(folder, 'alone', name.split('/')[1]);
  install(home, { [name]: tarballs.get(name) }, tarballs);

  const ours = readdirSync(join(home, 'node_modules', '@cache')).map((entry) => `@cache/${entry}`);
  const foreign = ours.filter((entry) => entry !== name && entry !== '@cache/core');
  if (foreign.length > 0)
    throw new Error(`Installing ${name} brings ${foreign.join(', ')}; only @cache/core may come with it.`);

  writeFileSync(join(home, 'consumer.mjs'), compile(program, 'es6'));
  writeFileSync(join(home, 'consumer.cjs'), compile(program, 'commonjs'));
  writeFileSync(join(home, 'run.mjs'), runner(manifest));
  run('node', ['--unhandled-rejections=strict', 'run.mjs'], { cwd: home, timeout: 60_000 });
  console.log(`${name}: brings ${ours.join(' and ')}; loads by import and by require`);
}

/** Loads every entry both ways, compares what they export, and runs the program both ways; importing must not keep Node alive. */
function runner({ name, exports }) {
  const entries = Object.entries(exports).filter(([, target]) => typeof target === 'object');
  return `
    import assert from 'node:assert/strict';
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    for (const entry of ${JSON.stringify(entries.map(([path]) => join(name, path)))}) {
      const names = Object.keys(await import(entry)).filter((key) => key !== 'default' && key !== 'module.exports');
      assert.ok(names.length > 0, entry + ' exports nothing');
      assert.deepEqual(Object.keys(require(entry)).sort(), names.sort(), entry + ' differs between import and require');
    }
    for (const path of ${JSON.stringify(Object.keys(exports).map((path) => join(name, path)))}) require.resolve(path);
    await (await import('./consumer.mjs')).consume();
    await require('./consumer.cjs').consume();
  `;
}

/** All programs, as ES modules and as CommonJS, under every resolution. Declaration files are checked too. */
function compileAll(home, packages, version, typescript) {
  for (const type of ['module', 'commonjs']) {
    const sources = join(home, type);
    mkdirSync(sources, { recursive: true });
    writeFileSync(join(sources, 'package.json'), JSON.stringify({ type }));
    for (const { folder: source } of packages)
      cpSync(join(source, 'consumer.ts'), join(sources, `${basename(source)}.ts`));
  }
  for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
    const compilerOptions = { module, moduleResolution, target: 'es2022', strict: true, noEmit: true, types: ['node'] };
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['module', 'commonjs'] }));
    run('node', [join(typescript, 'bin', 'tsc'), '-p', home], { cwd: home });
    console.log(`TypeScript ${version} compiles all programs under ${moduleResolution}`);
  }
}

/** jest without any configuration, which means CommonJS. */
function runInJest(home, packages) {
  const tests = join(home, 'jest');
  mkdirSync(tests);
  writeFileSync(join(tests, 'package.json'), '{ "type": "commonjs" }');
  for (const { folder: source, manifest } of packages) {
    const name = basename(source);
    writeFileSync(join(tests, `${name}.js`), compile(join(source, 'consumer.ts'), 'commonjs'));
    writeFileSync(
      join(tests, `${name}.test.js`),
      `test('${manifest.name}', () => require('./${name}.js').consume());\n`,
    );
  }
  const output = run(bin('jest'), ['--rootDir', tests], { cwd: tests });
  console.log(`jest in its default CommonJS mode: ${/Tests: .*/.exec(output)?.[0]}`);
}

/** Installs tarballs with npm; `@cache/core`, which they depend on, comes from its tarball too, since nothing may be published yet. */
function install(home, dependencies, tarballs) {
  mkdirSync(home, { recursive: true });
  const core = `file:${tarballs.get('@cache/core')}`;
  const files = Object.fromEntries(Object.entries(dependencies).map(([name, tarball]) => [name, `file:${tarball}`]));
  const manifest = {
    name: 'consumer',
    version: '1.0.0',
    private: true,
    dependencies: files,
    devDependencies: { '@types/node': devDependencies['@types/node'] },
    ...('@cache/core' in files ? {} : { overrides: { '@cache/core': core } }),
  };
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest, null, 2));
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: home });
}

function compile(program, module) {
  const options = {
    filename: program,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: module },
  };
  return transformSync(readFileSync(program, 'utf8'), options).code;
}
