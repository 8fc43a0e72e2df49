/** Which view is shown: the part of the address behind #, so that the browser's buttons work and a link leads somewhere. */

import { computed, effect, signal } from "@preact/signals";
import { text } from "./search.ts";

export const VIEWS = ["search", "library", "labels", "map", "live", "inside", "models", "settings"] as const;
export type View = (typeof VIEWS)[number];

const address = signal(location.hash);
addEventListener("hashchange", () => (address.value = location.hash));

const parts = computed(() => {
  const [path = "", query = ""] = address.value.replace(/^#\/?/, "").split("?", 2);
  return { path, query: new URLSearchParams(query) };
});

export const view = computed<View>(() => VIEWS.find((name) => name === parts.value.path) ?? "search");
/** The photo that a view is about, if one was chosen. */
export const chosen = computed(() => Number(parts.value.query.get("photo")) || undefined);

export const linkTo = (name: View, photo?: number): string => `#/${name}${photo === undefined ? "" : `?photo=${photo}`}`;
export const go = (name: View, photo?: number): void => void (location.hash = linkTo(name, photo));

/** A link that shares the words of a query, and never a photo. */
export const linkToQuery = (words: string): string => `${location.href.split("#", 1)[0]}#/search?q=${encodeURIComponent(words)}`;

// A link's words are searched for.
effect(() => {
  const words = parts.value.query.get("q");
  if (words !== null) text.value = words;
});
