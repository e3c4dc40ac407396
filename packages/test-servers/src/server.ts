/** A server of one's own, to be treated badly. Its data and its folder are temporary; nobody else uses it. */
export interface Server extends AsyncDisposable {
  /** Where clients connect, without a password unless the settings ask for one. */
  readonly url: string;
  readonly port: number;
  /** The main process; another one after `restart()`. */
  readonly pid: number;
  /** The server's folder: configuration, data, sockets. */
  readonly folder: string;
  /** SIGSTOP for the server and all its child processes: connections stay open, new ones are accepted by the system, nobody answers. */
  freeze(): Promise<void>;
  /** SIGCONT for what `freeze()` stopped. */
  resume(): Promise<void>;
  /** `kill -9` for the server and all its child processes. The data on disk, if any, stays. */
  kill(): Promise<void>;
  /** The polite end: clients are told. The data on disk, if any, stays. */
  stop(): Promise<void>;
  /** Starts it again on the same port and folder, after a polite stop if it still runs; answers once it takes commands. */
  restart(): Promise<void>;
  /** Ends it for good and removes its folder. Also done when the process that started it ends, however it ends. */
  close(): Promise<void>;
}
