/** The model that `open` loads into the page. */
declare var clip: import("clip-vision").ClipVision;
