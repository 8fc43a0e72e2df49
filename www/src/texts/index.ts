/** The texts of the language that was chosen. */

import { computed } from "@preact/signals";
import { settings } from "../state/settings.ts";
import { de } from "./de.ts";
import { type Texts, en } from "./en.ts";
import { es } from "./es.ts";
import { decimal as decimalIn } from "./numbers.ts";

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" } as const;
export type Language = keyof typeof LANGUAGES;

const ALL: Record<Language, Texts> = { en, de, es };

export const t = computed<Texts>(() => ALL[settings.value.language] ?? en);

/** A number with so many digits after the point, as the language writes it. */
export const decimal = (n: number, digits: number): string => decimalIn(settings.value.language, n, digits);

/** Bytes, in the words of the language: "12.3 MB". */
export function bytes(count: number): string {
  const steps = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(3, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** step;
  return value.toLocaleString(settings.value.language, { style: "unit", unit: steps[step] as string, maximumFractionDigits: value < 10 && step > 0 ? 1 : 0 });
}

/** Seconds, roughly: "12 sec", "3 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "…";
  const [value, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return Math.max(1, Math.round(value)).toLocaleString(settings.value.language, { style: "unit", unit });
}
