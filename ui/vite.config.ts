import { defineConfig } from "vite";

const path = (relative: string) => decodeURIComponent(new URL(relative, import.meta.url).pathname);
const modules = (name: string) => path(`./node_modules/${name}`);

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: {
    alias: [
      {
        find: "@journeyman/client",
        replacement: path("../clients/typescript/src/index.ts"),
      },
      // The client stands outside this folder, and finds its packages here.
      { find: /^openapi-fetch$/, replacement: modules("openapi-fetch") },
      { find: /^eventsource-parser\/stream$/, replacement: modules("eventsource-parser/dist/stream.js") },
    ],
  },
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, emptyOutDir: true },
});
