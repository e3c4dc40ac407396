import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bin, root } from './run.mjs';

/** The linter's rule on who may import whom, shown with stray imports in a folder of their own under the same configuration. */
const inMemory = 'packages/memory/src/stray.ts';
const refused = {
  'a backend that imports another': [
    inMemory,
    "import { RedisCache } from '@cache/redis';\nconsole.log(RedisCache);\n",
  ],
  'one that re-exports another': [inMemory, "export { RedisCache } from '@cache/redis';\n"],
  'one that imports only its types': [
    inMemory,
    "import type { RedisCache } from '@cache/redis';\nexport type A = RedisCache;\n",
  ],
  'one that imports a part of another': [inMemory, "import { a } from '@cache/redis/internal';\nconsole.log(a);\n"],
  'one that loads another late': [inMemory, "export const later = import('@cache/redis');\n"],
  'one that reaches over with a path': [inMemory, "import { a } from '../../redis/src/index.ts';\nconsole.log(a);\n"],
  'a wrapper that imports a backend': ['packages/stack/src/deep/stray.ts', "import '@cache/memory';\n"],
  'core that imports a wrapper': ['packages/core/src/stray.ts', "import '@cache/stack';\n"],
};
const allowed = {
  'everyone importing core': [inMemory, "import { CacheError } from '@cache/core';\nconsole.log(CacheError);\n"],
  'a package importing its own files': [inMemory, "import { a } from './a.ts';\nconsole.log(a);\n"],
  'a package importing from its own parent folder': [
    'packages/stack/src/deep/stray.ts',
    "import { a } from '../a.ts';\nconsole.log(a);\n",
  ],
  'tests importing backends': [
    'packages/stack/test/any.test.ts',
    "import { RedisCache } from '@cache/redis';\nconsole.log(RedisCache);\n",
  ],
  'examples importing backends': [
    'examples/any/src/a.ts',
    "import { RedisCache } from '@cache/redis';\nconsole.log(RedisCache);\n",
  ],
};

const folder = mkdtempSync(join(tmpdir(), 'cache-imports-'));
try {
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  for (const [what, [path, source]] of Object.entries(refused)) {
    assert.match(lint(path, source), /noRestrictedImports/, `The linter must refuse ${what}.`);
  }
  for (const [what, [path, source]] of Object.entries(allowed)) {
    assert.doesNotMatch(lint(path, source), /noRestrictedImports/, `The linter must allow ${what}.`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${Object.keys(refused).length} stray imports refused, ${Object.keys(allowed).length} others allowed`);

/** What the linter says about one file; whatever it says, it must have read the file. */
function lint(path, source) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), source);
  const { stdout, stderr } = spawnSync(bin('biome'), ['lint', '--vcs-enabled=false', path], {
    cwd: folder,
    encoding: 'utf8',
  });
  const output = `${stdout}${stderr}`;
  assert.match(output, /Checked 1 file/);
  return output;
}
