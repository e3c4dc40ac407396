/** How much of each end of a long path a message quotes. */
const QUOTED_LENGTH = 60;

/**
 * A path as a message quotes it. Of a long one only the ends: in a cycle it has two hundred steps. The error's `path` has it all.
 */
export function quotedPath(path: string): string {
  if (path.length <= 2 * QUOTED_LENGTH) return path;
  // Well-formed again where a cut went through a character of two units.
  return `${path.slice(0, QUOTED_LENGTH)}…${path.slice(-QUOTED_LENGTH)}`.toWellFormed();
}

/** One step into a value, as it stands in a path: `.name`, `["a name"]` or `[2]`. */
export function pathStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
