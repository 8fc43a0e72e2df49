declare module "heic-decode" {
  /** The first image of a HEIC file: RGBA. */
  export default function decode(file: { buffer: Uint8Array }): Promise<{ width: number; height: number; data: Uint8ClampedArray }>;
}
