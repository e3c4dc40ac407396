/** A value now or a promise of it: what a capability answers, so that one interface fits memory and servers. */
export type Awaitable<T> = T | Promise<T>;
