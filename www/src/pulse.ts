/**
 * Shows that the page is alive: a dot that the page itself moves, frame by frame, and the longest pause between two
 * frames of the last seconds. An animation of the style sheet would not do: it runs on when the page hangs.
 */

import { duration } from "./format.ts";
import { must, prefersReducedMotion, setText } from "./dom.ts";

const TURN = 2400; // milliseconds for the dot's way there and back
const WINDOW = 3000; // milliseconds over which the longest pause is reported

export function startPulse(root: HTMLElement, isBusy: () => boolean): void {
  const dot = must(".pulse-dot", HTMLElement, root);
  const state = must(".pulse-state", HTMLElement, root);
  const text = must(".pulse-text", HTMLElement, root);
  let last: number | null = null;
  let pauses: { at: number; pause: number }[] = [];
  let written = 0;

  const frame = (now: number): void => {
    if (last !== null) pauses.push({ at: now, pause: now - last });
    last = now;
    pauses = pauses.filter(({ at }) => now - at < WINDOW);
    const busy = isBusy();
    root.classList.toggle("is-busy", busy);
    if (!prefersReducedMotion()) {
      const phase = busy ? (1 - Math.cos((2 * Math.PI * now) / TURN)) / 2 : 0;
      dot.style.setProperty("--phase", phase.toFixed(3));
    }
    if (now - written > 500) {
      written = now;
      const longest = Math.max(0, ...pauses.map(({ pause }) => pause));
      setText(state, busy ? "Computing \u00b7 " : "Idle");
      setText(text, busy ? `longest pause ${duration(longest)}` : "");
      root.dataset["longestPause"] = longest.toFixed(1);
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  // A tab in the background draws no frames; that is no pause.
  document.addEventListener("visibilitychange", () => {
    last = null;
    pauses = [];
  });
}
