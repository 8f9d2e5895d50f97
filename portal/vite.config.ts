import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [react()],
  resolve: {
    // Text from an edge is never markup: the form library's Markdown becomes plain text.
    alias: { "markdown-to-jsx/react": fileURLToPath(new URL("./src/ui/plain-text.tsx", import.meta.url)) },
  },
  worker: { format: "es" },
  build: {
    outDir: "python/radical_edge_portal/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
