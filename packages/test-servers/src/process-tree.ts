import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
}

/** The state letter and parent of one process from `/proc/PID/stat`, whose second field may itself hold spaces and brackets. */
function readStat(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined;
  }
}

function listProcesses(): ProcessEntry[] {
  if (process.platform === 'linux') {
    const entries = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return entries.map((name) => readStat(Number(name))).filter((entry) => entry !== undefined);
  }
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid, parent, state = ''] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), state: state.slice(0, 1) };
  });
}

/** `pid` and everything below it, parents first. PostgreSQL's backends lead process groups of their own, so a group is not enough. */
export function processTree(pid: number): number[] {
  const processes = listProcesses();
  const tree = [pid];
  for (const member of tree) {
    for (const entry of processes) if (entry.parent === member) tree.push(entry.pid);
  }
  return tree;
}

/** False for a zombie too: it holds no port and no memory, and waits only for its parent to look. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') {
    const entry = readStat(pid);
    return entry !== undefined && entry.state !== 'Z' && entry.state !== 'X';
  }
  return trySignal(pid, 0);
}

/** A process that waits for its disk stops once it has what it waits for. */
const STOPPED_LIMIT_MS = 10_000;

function isStopped(pid: number): boolean {
  return process.platform !== 'linux' || !isRunning(pid) || readStat(pid)?.state.toUpperCase() === 'T';
}

function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * Stops the whole tree where it stands and returns its members. The parent goes first: once it is seen to be stopped it
 * cannot fork, so the list that is read after that is complete.
 */
export function freezeTree(pid: number): number[] {
  const frozen: number[] = [];
  for (let tree = [pid]; tree.length > 0; tree = processTree(pid).filter((member) => !frozen.includes(member))) {
    for (const member of tree) {
      trySignal(member, 'SIGSTOP');
      const giveUpAt = performance.now() + STOPPED_LIMIT_MS;
      while (!isStopped(member) && performance.now() < giveUpAt)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      frozen.push(member);
    }
  }
  return frozen;
}

/** Lets a frozen tree run on. */
export function resumeTree(pid: number): void {
  for (const member of processTree(pid)) trySignal(member, 'SIGCONT');
}

/** `kill -9` for the whole tree. It is frozen first, so that no child can be born or handed to another parent meanwhile. */
export function killTree(pid: number): number[] {
  const members = freezeTree(pid);
  for (const member of members) trySignal(member, 'SIGKILL');
  return members;
}
