// The demo: www/ -> www/dist, static files only. The page imports the package by its name, as any user would: Node's
// self-reference leads "clip-vision" to ../dist through the exports of ../package.json.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plugin, defineConfig } from "vite";

/** The bundled model lives once in the repository, where the tests take it from, and is copied from there. */
const BUNDLED = fileURLToPath(new URL("../models/shapes/", import.meta.url));
const BUNDLED_FILES = ["config.json", "preprocessor_config.json", "model.safetensors", "tokenizer.json"];

const PUBLIC = fileURLToPath(new URL("public/", import.meta.url));
const WORKER = fileURLToPath(new URL("service_worker.js", import.meta.url));

function bundledModel(): Plugin {
  const place = (file: string): string => `models/shapes/${file}`;
  return {
    name: "bundled-model",
    configureServer(server) {
      for (const file of BUNDLED_FILES) {
        server.middlewares.use(`/${place(file)}`, (_request, response) => response.end(readFileSync(BUNDLED + file)));
      }
    },
    generateBundle() {
      for (const file of BUNDLED_FILES) {
        this.emitFile({ type: "asset", fileName: place(file), source: readFileSync(BUNDLED + file) });
      }
    },
  };
}

/** What the built page may do: nothing but its own scripts, wasm, and downloads of models from where one asks. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'", // and what scripts set through the DOM, such as the places of photos
  "img-src 'self' blob:",
  "media-src 'self' blob:",
  "manifest-src 'self'",
  "connect-src 'self' blob: https: http://localhost:* http://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Only the built page has a policy: Vite's development server writes styles into the page, which it would forbid. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
    ],
  };
}

/** The service worker, with the names of what it keeps from the start: all but wasm and model, which are kept once they are used. */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const made = Object.keys(bundle).filter((file) => /\.(js|css|svg|html)$/.test(file));
      const files = [...new Set(["./", ...made.filter((file) => file !== "index.html"), ...readdirSync(PUBLIC)])].sort();
      const version = createHash("sha256").update(Object.keys(bundle).sort().join()).update(readFileSync(WORKER)).digest("hex").slice(0, 12);
      const source = readFileSync(WORKER, "utf8").replace("__FILES__", JSON.stringify(files)).replace("__VERSION__", version);
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  base: "./", // works from any folder of any server
  plugins: [bundledModel(), contentSecurityPolicy(), serviceWorker()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // a data: URL would need a wider policy
    modulePreload: { polyfill: false },
    sourcemap: true,
    rolldownOptions: { input: ["index.html", "bench.html"].map((page) => fileURLToPath(new URL(page, import.meta.url))) },
  },
  worker: { format: "es" },
  server: { headers: isolation, fs: { allow: [fileURLToPath(new URL("..", import.meta.url))] } },
  preview: { headers: isolation },
});
