import { CacheClosedError } from './cache-error.ts';
import type { Invalidation, InvalidationBus, InvalidationListener } from './invalidation-bus.ts';

/** Joins the {@link InProcessBus}es of one process, as a server would join those of many. */
export class InProcessBusHub {
  readonly #members = new Set<InProcessBus>();
  #nextOrigin = 1;

  /** A bus of its own on this hub. */
  connect(): InProcessBus {
    const bus: InProcessBus = new InProcessBus(`in-process-${this.#nextOrigin}`, {
      publish: (invalidations, origin) => {
        const failures = [...this.#members].flatMap((member) => member.deliver(invalidations, origin));
        if (failures.length > 0) throw failures[0];
      },
      leave: (member) => {
        this.#members.delete(member);
      },
    });
    this.#nextOrigin += 1;
    this.#members.add(bus);
    return bus;
  }
}

interface HubEffects {
  readonly publish: (invalidations: readonly Invalidation[], origin: string) => void;
  readonly leave: (member: InProcessBus) => void;
}

/** An {@link InvalidationBus} between caches of one process: for tests, and for several caches over one store. */
export class InProcessBus implements InvalidationBus {
  readonly origin: string;
  readonly #hub: HubEffects;
  readonly #listeners = new Set<InvalidationListener>();
  #isOpen = true;

  constructor(origin: string, hub: HubEffects) {
    this.origin = origin;
    this.#hub = hub;
  }

  /** Delivery is synchronous, so the bus is live at any time until it is closed. */
  get liveAtMs(): number | undefined {
    return this.#isOpen ? performance.now() : undefined;
  }

  /** Rejects with what a listener threw, once everybody was told, and with CacheClosedError after `close`. */
  async publish(invalidations: readonly Invalidation[]): Promise<void> {
    if (!this.#isOpen) {
      throw new CacheClosedError('The bus was closed.', { operation: 'publish', backend: 'in-process' });
    }
    this.#hub.publish(invalidations, this.origin);
  }

  subscribe(listener: InvalidationListener): () => void {
    this.#listeners.add(listener);
    listener.onGap('connected');
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#listeners.clear();
    this.#hub.leave(this);
  }

  /** Called by the hub. Gives what listeners threw: one that fails must not keep the others from forgetting. */
  deliver(invalidations: readonly Invalidation[], origin: string): unknown[] {
    const failures: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      for (const invalidation of invalidations) {
        try {
          listener.onInvalidation(invalidation, origin);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    return failures;
  }
}
