// The pictures that everybody is given: the same bytes, and CLIP's normalisation of them for those who take tensors.

const SIZE = 224;
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];
const BYTES = SIZE * SIZE * 3;

const pictures = new Uint8Array(await (await fetch("/models/pictures/pictures.rgb")).arrayBuffer());

const bytesOf = (index) => pictures.subarray(index * BYTES, (index + 1) * BYTES);

/** A picture as pixels, in a buffer of its own. */
export const pixels = (index) => ({ data: bytesOf(index).slice(), width: SIZE, height: SIZE, channels: 3 });

/** Pictures as a pixel tensor, f32 (indices, 3, SIZE, SIZE). */
export function tensor(indices) {
  const data = new Float32Array(indices.length * BYTES);
  indices.forEach((index, at) => {
    const bytes = bytesOf(index);
    for (let channel = 0; channel < 3; channel += 1) {
      const plane = data.subarray(at * BYTES + channel * SIZE * SIZE, at * BYTES + (channel + 1) * SIZE * SIZE);
      for (let i = 0; i < plane.length; i += 1) plane[i] = (bytes[3 * i + channel] / 255 - MEAN[channel]) / STD[channel];
    }
  });
  return { data, shape: [indices.length, 3, SIZE, SIZE] };
}

/** Rows of a flat array of embeddings, as plain arrays. */
export function rows(flat, count) {
  const length = flat.length / count;
  return Array.from({ length: count }, (_, row) => Array.from(flat.subarray(row * length, (row + 1) * length)));
}

/** The bytes of a photo's file. */
export const photo = async (name) => new Uint8Array(await (await fetch(`/models/pictures/photos/${name}`)).arrayBuffer());
