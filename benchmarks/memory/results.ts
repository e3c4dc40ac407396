import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';

const FOLDER = new URL('../results/', import.meta.url);

/** Prints a report and writes `<name>.md` and `<name>.json` into `benchmarks/results`. */
export function publish(name: string, paragraphs: readonly string[], figures: unknown): void {
  const machine = `Node ${process.versions.node} · ${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown'} · ${new Date().toISOString().slice(0, 16)} UTC`;
  const markdown = `${[paragraphs[0], machine, ...paragraphs.slice(1)].join('\n\n')}\n`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(new URL(`${name}.md`, FOLDER), markdown);
  writeFileSync(new URL(`${name}.json`, FOLDER), `${JSON.stringify({ machine, figures }, undefined, 1)}\n`);
  console.log(markdown);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
