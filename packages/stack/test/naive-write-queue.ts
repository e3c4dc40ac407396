import type { QueuedWrite } from '../src/queued-write.ts';
import type { PendingWrite, WriteQueueCommand, WriteQueueEvent } from '../src/write-queue-events.ts';
import type { AnyQueue } from './write-queue-world.ts';

/** What a first version gets wrong; `none` is slow and cannot tell poison, but loses nothing. */
export type Flaw =
  | 'none'
  | 'an older write is repeated over a newer one'
  | 'a key is sent again while it is in flight'
  | 'a write counts as done when it is sent'
  | 'the first write of a key wins'
  | 'a failed write is dropped'
  | 'what is in flight is not read';

/** A write-behind queue as people write it: a map that is emptied into the store. */
export class NaiveWriteQueue implements AnyQueue {
  readonly #flaw: Flaw;
  readonly #unsent = new Map<string, QueuedWrite<number>>();
  readonly #sent = new Map<string, QueuedWrite<number>>();
  readonly #offers = new Map<number, Pick<QueuedWrite<number>, 'key' | 'operation'>>();

  constructor(flaw: Flaw) {
    this.#flaw = flaw;
  }

  get depth(): number {
    return this.#unsent.size + this.#sent.size;
  }

  get waiting(): number {
    return 0;
  }

  latest(key: string): QueuedWrite<number>['operation'] | undefined {
    const isSentRead = this.#flaw !== 'what is in flight is not read';
    return (this.#unsent.get(key) ?? (isSentRead ? this.#sent.get(key) : undefined))?.operation;
  }

  handle(event: WriteQueueEvent<number>): readonly WriteQueueCommand<number>[] {
    const commands: WriteQueueCommand<number>[] = [];
    switch (event.type) {
      case 'offered':
        this.#offers.set(event.ticket, event);
        commands.push({ do: 'journal', ticket: event.ticket, key: event.key, operation: event.operation });
        break;
      case 'journaled': {
        const offer = this.#offers.get(event.ticket);
        if (offer === undefined) break;
        const isLate = this.#flaw === 'the first write of a key wins' && this.#unsent.has(offer.key);
        if (!isLate) this.#unsent.set(offer.key, { key: offer.key, operation: offer.operation, id: event.id });
        commands.push({ do: 'accept', ticket: event.ticket });
        break;
      }
      case 'replayed':
        for (const write of event.writes) this.#unsent.set(write.key, write);
        break;
      case 'flushed':
        for (const { keys, outcome } of event.results) {
          const writes = keys.flatMap((key) => this.#sent.get(key) ?? []);
          for (const { key } of writes) this.#sent.delete(key);
          if (outcome === 'done') commands.push({ do: 'acknowledge', writes });
          else if (this.#flaw !== 'a failed write is dropped') this.#repeat(writes);
        }
        break;
      default:
        break;
    }
    this.#send(commands);
    return commands;
  }

  #repeat(writes: readonly QueuedWrite<number>[]): void {
    for (const write of writes) {
      const isOutdated = this.#unsent.has(write.key) && this.#flaw !== 'an older write is repeated over a newer one';
      if (!isOutdated) this.#unsent.set(write.key, write);
    }
  }

  #send(commands: WriteQueueCommand<number>[]): void {
    if (this.#sent.size > 0 && this.#flaw !== 'a key is sent again while it is in flight') return;
    const writes: PendingWrite<number>[] = [...this.#unsent.values()].map((write) => ({
      ...write,
      attempts: 0,
      isStored: false,
    }));
    if (writes.length === 0) return;
    this.#unsent.clear();
    for (const write of writes) this.#sent.set(write.key, write);
    commands.push({ do: 'flush', writes });
    if (this.#flaw === 'a write counts as done when it is sent') commands.push({ do: 'acknowledge', writes });
  }
}
