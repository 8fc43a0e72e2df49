import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Not needed, but faster: with these headers the model is computed on several threads.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({ plugins: [react()], base: "./", server: { headers }, preview: { headers } });
