import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** Where and when figures were taken. */
export interface Machine {
  readonly takenAt: string;
  readonly node: string;
  readonly processors: string;
  /** Processes that wanted to run at the start of the run, the last minute's average: above 0.5 or so, others were at work. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    takenAt: new Date().toISOString(),
    node: process.version,
    processors: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}

/** `name version` of packages of this workspace, as they are installed. */
export function describePackages(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].sort().map((name) => {
    const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    const { name: real, version } = JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string };
    return `${real} ${version}`;
  });
}
