/** Which of the known models suits this device: by its memory, its network, and the language that is spoken. */

import type { KnownModel } from "clip-vision";

export interface Device {
  /** Gigabytes, as browsers round them; of those that don't tell, undefined. */
  memory?: number;
  cores: number;
  /** The user wants to save data, or the network is slow. */
  slow: boolean;
  language: string;
}

type Told = Navigator & { deviceMemory?: number; connection?: { saveData?: boolean; effectiveType?: string } };

export function thisDevice(language: string): Device {
  const { deviceMemory, connection, hardwareConcurrency } = navigator as Told;
  const slow = Boolean(connection?.saveData) || /2g|3g/.test(connection?.effectiveType ?? "");
  return { ...(deviceMemory !== undefined && { memory: deviceMemory }), cores: hardwareConcurrency, slow, language };
}

/** Bytes of a model that is loaded for photos and texts. */
export const bytesOf = ({ download: { vision, text, query } }: KnownModel): number => vision + (text ?? 0) + query;

const speaks = ({ languages }: KnownModel, language: string): boolean => languages.includes(language) || languages.includes("mul");

/**
 * The most accurate one for photos and texts within what the device bears: a slow network 100 MB, a small memory 350, a larger one
 * 700, and a machine with 8 cores and 8 GB 1,600. One that knows the language before one that doesn't. Models whose use is restricted
 * are not recommended, nor are those whose accuracy nobody has published.
 */
export function recommended(models: readonly KnownModel[], { memory = 4, cores, slow, language }: Device): KnownModel | undefined {
  const most = slow ? 100e6 : memory <= 2 ? 350e6 : memory >= 8 && cores >= 8 ? 1600e6 : 700e6;
  const within = models.filter((model) => model.task === "photos and texts" && model.accuracy && !model.license.includes("NC") && bytesOf(model) <= most);
  const spoken = within.filter((model) => speaks(model, language));
  const rank = (list: KnownModel[]): KnownModel | undefined => list.sort((a, b) => (b.accuracy?.imagenet ?? 0) - (a.accuracy?.imagenet ?? 0))[0];
  return rank(spoken) ?? rank(within) ?? models.filter(({ task }) => task === "photos and texts").sort((a, b) => bytesOf(a) - bytesOf(b))[0];
}
