/** The global scope of a Web Worker. */

/** The part of DedicatedWorkerGlobalScope that is used: TypeScript's "DOM" library has only the page's globals. */
export interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  close(): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "messageerror", listener: () => void): void;
  addEventListener(type: "unhandledrejection", listener: (event: PromiseRejectionEvent) => void): void;
}

/** This worker's. */
export const workerScope = (): WorkerScope => globalThis as unknown as WorkerScope;
