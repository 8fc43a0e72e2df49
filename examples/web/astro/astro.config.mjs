import { defineConfig } from "astro/config";

// Astro 5 stands on Vite 6, whose development server needs the line.
export default defineConfig({ vite: { optimizeDeps: { exclude: ["clip-vision"] } } });
