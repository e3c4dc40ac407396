/**
 * A number greater than the last one and, as long as nobody sets the clock back, than any that another process gave before:
 * microseconds of the clock, or one more than the last if that is ahead of it (the hybrid logical clock of Kulkarni, Demirbas
 * et al., "Logical Physical Clocks", OPODIS 2014, in one number).
 */
export function nextWriteId(last: number): number {
  return Math.max(last + 1, Date.now() * 1_000);
}
