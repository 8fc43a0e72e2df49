/** What `fixtures/boot.js` gives the page: the package itself. */
declare var clipVision: typeof import("clip-vision");
