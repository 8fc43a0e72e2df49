// The pictures that everybody is given: the same bytes, and the model's normalisation of them for those who take tensors.

const MODELS = "/models";

/**
 * The pictures of a model's size: `pixels(index)` is one as pixels, in a buffer of its own, and `tensor(indices)` are some as a pixel
 * tensor, f32 (indices, 3, size, size).
 */
export async function picturesOf(model) {
  const { image } = await (await fetch(`${MODELS}/${model}/about.json`)).json();
  const { size, mean, std } = image;
  const pictures = new Uint8Array(await (await fetch(`${MODELS}/pictures/pictures-${size}.rgb`)).arrayBuffer());
  const [plane, whole] = [size * size, 3 * size * size];
  const bytesOf = (index) => pictures.subarray(index * whole, (index + 1) * whole);
  return {
    pixels: (index) => ({ data: bytesOf(index).slice(), width: size, height: size, channels: 3 }),
    tensor: (indices) => {
      const data = new Float32Array(indices.length * whole);
      indices.forEach((index, at) => {
        const bytes = bytesOf(index);
        for (let channel = 0; channel < 3; channel += 1) {
          const start = at * whole + channel * plane;
          for (let i = 0; i < plane; i += 1) data[start + i] = (bytes[3 * i + channel] / 255 - mean[channel]) / std[channel];
        }
      });
      return { data, shape: [indices.length, 3, size, size] };
    },
  };
}

/** Rows of a flat array of embeddings, as plain arrays. */
export function rows(flat, count) {
  const length = flat.length / count;
  return Array.from({ length: count }, (_, row) => Array.from(flat.subarray(row * length, (row + 1) * length)));
}

/** The bytes of a photo's file. */
export const photo = async (name) => new Uint8Array(await (await fetch(`${MODELS}/pictures/photos/${name}`)).arrayBuffer());
