const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const UNITS = ['bytes', 'kB', 'MB', 'GB'] as const;

/** `12,345` */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `734 bytes`, `1.2 kB`, `99.7 MB` */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 999.95 && unit < UNITS.length - 1; unit += 1) size /= 1000;
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

/** Milliseconds with as many digits as mean something: `0.002`, `4.2`, `1,234`. */
export function formatMs(ms: number): string {
  return ms >= 100 ? formatCount(ms) : ms.toFixed(ms >= 1 ? 1 : 3);
}

/** `97.3 %` */
export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** How many times as much, `3.4` or `250`. */
export function formatTimes(ratio: number): string {
  return ratio >= 10 ? formatCount(ratio) : ratio.toFixed(1);
}
