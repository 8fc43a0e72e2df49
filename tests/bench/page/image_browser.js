// The browser's own ways from a file's bytes to pixels, in a worker.

const SIZE = 224;

const read = async (name) => new Blob([await (await fetch(`/models/images/${name}`)).arrayBuffer()]);

/** The middle SIZE x SIZE pixels, copied out of the browser's memory. */
function pixelsOf(bitmap) {
  const context = new OffscreenCanvas(SIZE, SIZE).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, (SIZE - bitmap.width) / 2, (SIZE - bitmap.height) / 2);
  bitmap.close();
  return context.getImageData(0, 0, SIZE, SIZE).data;
}

export async function start() {
  const files = new Map();
  return {
    facts: {},
    readImage: async (name, { width, height }) => void files.set(name, { blob: await read(name), width, height }),
    /** Decodes and resizes, the shorter side to SIZE. */
    resized: async (name) => {
      const { blob, width, height } = files.get(name);
      const size = width < height ? { resizeWidth: SIZE } : { resizeHeight: SIZE };
      const begin = performance.now();
      pixelsOf(await createImageBitmap(blob, { ...size, resizeQuality: "high" }));
      return performance.now() - begin;
    },
    /** Decodes only. */
    full: async (name) => {
      const { blob } = files.get(name);
      const begin = performance.now();
      const bitmap = await createImageBitmap(blob);
      const ms = performance.now() - begin;
      bitmap.close();
      return ms;
    },
  };
}
