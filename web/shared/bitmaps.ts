/** Pictures of the browser's. */

/** Values as they are stored, upright: like Pillow, and unlike a screen, no colour profile is applied. */
export const AS_STORED: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
