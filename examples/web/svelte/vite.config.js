import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Not needed, but faster: with these headers the model is computed on several threads.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({ plugins: [svelte()], base: "./", server: { headers }, preview: { headers } });
