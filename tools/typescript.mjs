import { readFileSync } from 'node:fs';
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

/**
 * Lets plain Node run the workspace's TypeScript, on every Node it supports: `node --import ../../tools/typescript.mjs file.ts`.
 * Add `--conditions=@cache/source` and neighbours are read as sources too. Tests do not need this: jest brings its own transform.
 */
export function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), {
    filename: fileURLToPath(url),
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}

const onLoaderThread = new URL(import.meta.url).searchParams.has('loader');
if (module.registerHooks) module.registerHooks({ load });
else if (!onLoaderThread) module.register(`${import.meta.url}?loader`);
