// Threads take two headers, which GitHub Pages can't send. A service worker adds them: this script is both, the page's part,
// which registers it and loads the page again, and the service worker's.

if (globalThis.document) isolate();
else serve();

async function isolate() {
  if (crossOriginIsolated || !navigator.serviceWorker) return;
  const reload = () => {
    // Once: a browser that isolates nothing all the same goes on with one thread.
    if (sessionStorage.getItem("isolate")) return;
    sessionStorage.setItem("isolate", "tried");
    location.reload();
  };
  navigator.serviceWorker.addEventListener("controllerchange", reload);
  await navigator.serviceWorker.register(document.currentScript.src);
  if (navigator.serviceWorker.controller) reload();
}

function serve() {
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => event.respondWith(isolated(event.request)));
}

async function isolated(request) {
  const response = await fetch(request);
  if (response.status === 0) return response; // of another origin, without CORS: it can't be looked into
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
