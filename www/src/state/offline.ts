/** The service worker: it keeps the page for when there is no network, isolates it, and counts what leaves the device. */

import { signal } from "@preact/signals";

/** Requests to other servers by their names, and requests that carried something. */
export const requests = signal<Readonly<Record<string, number>>>({});
export const sent = signal(0);
/** Whether the page opens without a network. */
export const offline = signal(false);

const RELOADED = "isolated";
const PATIENCE = 4000;

/** Resolves once the page's requests go through the service worker, or it is clear that they will not. */
export const inControl: Promise<void> = import.meta.env.PROD && "serviceWorker" in navigator ? register() : Promise.resolve();

async function register(): Promise<void> {
  const { serviceWorker } = navigator;
  serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ host?: string; sent?: boolean }>) => {
    if (data.host) requests.value = { ...requests.value, [data.host]: (requests.value[data.host] ?? 0) + 1 };
    if (data.sent) sent.value += 1;
  });
  const controlled = new Promise<void>((resolve) => serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true }));
  try {
    await serviceWorker.register("./sw.js");
    if (!serviceWorker.controller) await Promise.race([controlled, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    offline.value = Boolean(serviceWorker.controller);
    isolate();
  } catch {
    // no service worker here (a private window, http:): the page needs its server, and has one thread without headers
  }
}

/** A server without the headers gives a page without threads; once more, through the service worker, it has them. */
function isolate(): void {
  if (crossOriginIsolated || !offline.value || sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "once"); // a browser that isolates nothing all the same goes on with one thread
  location.reload();
}
