/** Shifts this process's wall clock, and nothing else, by the milliseconds in its last argument. To be imported before all others. */
const offsetMs = Number(process.argv.at(-1));
const RealDate = globalThis.Date;

globalThis.Date = new Proxy(RealDate, {
  apply: () => new Date().toString(),
  construct: (target, parts, newTarget) =>
    Reflect.construct(target, parts.length === 0 ? [RealDate.now() + offsetMs] : parts, newTarget),
  get: (target, name) => (name === 'now' ? () => RealDate.now() + offsetMs : Reflect.get(target, name)),
});
