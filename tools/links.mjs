import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run } from './run.mjs';

/** Fails if a page links to a file that is not there, or to a heading that no page has. */
const pages = run('git', ['ls-files', '*.md'])
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const broken = [];
for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    const [path, heading] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(root, file))) broken.push(`${page}: ${target}`);
    else if (heading !== undefined && file.endsWith('.md') && !headingsOf(file).has(heading)) {
      broken.push(`${page}: ${target}`);
    }
  }
}
if (broken.length > 0) {
  console.error(`These links lead nowhere:\n${broken.join('\n')}`);
  process.exitCode = 1;
}

/** The anchors that a forge makes of the headings of a page. */
function headingsOf(file) {
  const text = readFileSync(join(root, file), 'utf8').replace(/```[\s\S]*?```/g, '');
  const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
  return new Set(anchors);
}
