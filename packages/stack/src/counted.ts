/** A count before its noun, such as "1 queued write" and "2 queued writes". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
