/** How ImageBitmaps are created. */

/** Values as they are stored, upright: like Pillow, and unlike a screen, no color profile is applied. */
export const AS_STORED: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
