// The page's service worker. It keeps what the page is made of, so that it opens without a network; adds the headers that threads
// need, where a server can't; and tells the page of every request that leaves for another server, or carries something.
// vite.config.ts puts in the names of the files, and a version that changes with them.

const FILES = __FILES__;
const CACHE = "page __VERSION__";

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("page ") && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (!url.protocol.startsWith("http")) return;
  const own = url.origin === location.origin;
  const carries = request.method !== "GET" && request.method !== "HEAD";
  if (!own || carries) event.waitUntil(tell({ ...(!own && { host: url.host }), ...(carries && { sent: true }) }));
  if (own && !carries) event.respondWith(answer(request, url));
});

async function tell(message) {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage(message);
}

/** The page is asked for anew, for the sake of a new release; everything else has a name that changes with it. */
async function answer(request, url) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (kept && request.mode !== "navigate" && !request.headers.has("range")) return isolated(kept);
  try {
    const response = await fetch(request);
    const lasting = /\.(js|css|wasm|svg)$/.test(url.pathname) || request.mode === "navigate";
    if (response.status === 200 && lasting) await cache.put(request, response.clone());
    return isolated(response);
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
