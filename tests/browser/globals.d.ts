/** What `fixtures/boot.js` gives the page: the package itself. */
declare var clipVision: typeof import("clip-vision") & typeof import("clip-vision/search");
/** The model that every `tab` has loaded (both/tab.ts). */
declare var clip: import("clip-vision").ClipVision;
