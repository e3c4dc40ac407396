import type { CommandTarget, RedisArgument } from './redis-client.ts';
import { NotConnected } from './server-error.ts';

interface HeldCommand {
  readonly args: readonly RedisArgument[];
  readonly options: object | undefined;
  resolve(reply: Promise<unknown>): void;
}

/** Keeps commands, in their order, until it is decided over which connection they go. */
export class HeldCommands implements CommandTarget {
  readonly isOpen = true;
  readonly isReady = true;
  readonly #held: HeldCommand[] = [];

  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    return new Promise((resolve) => {
      this.#held.push({ args, options, resolve });
    });
  }

  /** Sends all. Without a connection they fail, as they do elsewhere. */
  sendTo(client: CommandTarget): void {
    const isOffline = !client.isReady && client.isOpen;
    for (const { args, options, resolve } of this.#held) {
      resolve(isOffline ? Promise.reject(new NotConnected()) : client.sendCommand(args, options));
    }
  }
}
