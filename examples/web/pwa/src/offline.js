/** Registers the service worker; resolves when the page's requests go through it. */
export async function serveOffline() {
  if (!navigator.serviceWorker) return; // not over http:, but for localhost
  const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
  await navigator.serviceWorker.register("./sw.js");
  if (navigator.serviceWorker.controller) return;
  await controlled;
  // At the first visit the page itself came before there was a service worker: now it is asked for once more.
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  await Promise.all([location.href, ...loaded].filter((url) => url.startsWith(location.origin)).map((url) => fetch(url)));
}
