import { parseArgs } from 'node:util';
import { BACKENDS, type BackendName } from './backends.ts';

/** What the command line asks for. */
export interface DemoOptions {
  readonly backend: BackendName;
  readonly serve: boolean;
  readonly port: number;
  /** How many ask at once for the package that is not cached. */
  readonly requests: number;
  readonly help: boolean;
}

/** The command line cannot be followed; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function usage(): string {
  return `npm run demo -- [options]

  --backend NAME     where answers are cached: ${backendNames()} (default: memory)
  --serve            stay up and print the address, instead of measuring
  --port NUMBER      with --serve: the port on 127.0.0.1 (default: any free one)
  --requests NUMBER  how many ask at once for a package that is not cached (default: 50)
  --help             print this
`;
}

/** @throws UsageError for an unknown option, backend or port */
export function parseOptions(args: readonly string[]): DemoOptions {
  const { backend, serve, port, requests, help } = parseStrictly(args);
  if (!isBackend(backend)) {
    throw new UsageError(`There is no backend "${backend}". Choose one of: ${backendNames()}.`);
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new UsageError(`A port is a number from 0 to 65535; got "${port}".`);
  }
  if (!/^[1-9]\d{0,2}$/.test(requests)) {
    throw new UsageError(`The number of requests at once is from 1 to 999; got "${requests}".`);
  }
  return { backend, serve, port: Number(port), requests: Number(requests), help };
}

function isBackend(name: string): name is BackendName {
  return Object.hasOwn(BACKENDS, name);
}

function backendNames(): string {
  return Object.keys(BACKENDS).join(', ');
}

function parseStrictly(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        backend: { type: 'string', default: 'memory' },
        serve: { type: 'boolean', default: false },
        port: { type: 'string', default: '0' },
        requests: { type: 'string', default: '50' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify', 1)[0]);
  }
}
