import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

/**
 * The last column of the table in docs/reliability.md: the tests that are named after each row.
 * `node tools/scenarios.mjs` fails if it is out of date, or if a row has neither tests nor a reason why it needs none;
 * `node tools/scenarios.mjs --write` brings it up to date.
 */
const page = join(root, 'docs', 'reliability.md');
const ROW_COUNT = 70;
const NOT_APPLICABLE = /does not apply/i;

const testsByRow = new Map();
for (const file of run('git', ['ls-files', '*.test.ts']).split('\n').filter(Boolean)) {
  for (const row of namedRows(readFileSync(join(root, file), 'utf8'))) {
    testsByRow.set(row, [...(testsByRow.get(row) ?? []), file]);
  }
}

const before = readFileSync(page, 'utf8');
const seen = new Set();
const problems = [];
const after = before.replace(/^\| (\d+) \|.*$/gm, (line, number) => {
  const row = Number(number);
  const cells = line.split(' | ');
  if (seen.has(row)) problems.push(`row ${row} is there twice`);
  seen.add(row);
  const tests = (testsByRow.get(row) ?? []).map(link).join(' ');
  if (tests === '' && !NOT_APPLICABLE.test(line)) problems.push(`row ${row} has no test and no reason`);
  return [...cells.slice(0, -1), `${tests || '–'} |`].join(' | ');
});
for (let row = 1; row <= ROW_COUNT; row += 1) if (!seen.has(row)) problems.push(`row ${row} is missing`);
if (process.argv.includes('--write')) writeFileSync(page, after);
else if (after !== before) problems.push('the tests are out of date: node tools/scenarios.mjs --write');
if (problems.length > 0) {
  console.error(`docs/reliability.md: ${problems.join('; ')}.`);
  process.exitCode = 1;
}

/** The rows that the titles of a file's tests begin with: `row 7: …`, `rows 7, 8: …`, `rows 1-4: …`. */
function namedRows(source) {
  const rows = new Set();
  for (const [, list] of source.matchAll(/['"`]rows? (\d+(?:(?:, | and |[-–])\d+)*)\b/g)) {
    for (const part of list.split(/, | and /)) {
      const [first, last = first] = part.split(/[-–]/).map(Number);
      for (let row = first; row <= last; row += 1) rows.add(row);
    }
  }
  return rows;
}

/** `packages/redis/test-faults/silent.test.ts` is shown as `redis: silent`. */
function link(file) {
  const [, place, name] = /^[^/]+\/([^/]+)\/.*?([^/]+)\.test\.ts$/.exec(file);
  return `[${place}: ${name}](../${file})`;
}
