/** Types of serve.mjs, for tests in TypeScript. */

export declare const ISOLATION: Record<string, string>;

export declare function serve(
  folders: string | Record<string, string>,
  options?: { port?: number; host?: string; headers?: Record<string, string> },
): Promise<{ url: string; port: number; close(): Promise<void> }>;
