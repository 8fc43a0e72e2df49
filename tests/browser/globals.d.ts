/** What `fixtures/boot.js` gives the page: the package itself. */
declare var clipVision: typeof import("clip-vision") & typeof import("clip-vision/search");
/** The model that every `tab` has loaded (both/tab.ts). */
declare var clip: import("clip-vision").ClipVision;
/** `import(url)`, by a script of the page's own. */
declare function importModule<Module>(url: string): Promise<Module>;
