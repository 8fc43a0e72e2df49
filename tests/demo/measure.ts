/** What the tests of large libraries measure in the page. */

import type { Page } from "@playwright/test";

declare global {
  interface Window {
    measured: { tasks: number[]; frames: number[]; running: boolean };
  }
}

/** Begins to note the main thread's tasks over 50 ms, and the time between frames. */
export const begin = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const measured = (window.measured = { tasks: [] as number[], frames: [] as number[], running: true });
    new PerformanceObserver((list) => {
      if (measured.running) for (const { duration } of list.getEntries()) measured.tasks.push(duration);
    }).observe({ type: "longtask" });
    let before = performance.now();
    const frame = (now: number): void => {
      measured.frames.push(now - before);
      before = now;
      if (measured.running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });

/** Ends it: the longest task that was over 50 ms (0 if there was none), and the frames, sorted. */
export const end = (page: Page): Promise<{ tasks: number[]; frames: number[] }> =>
  page.evaluate(() => {
    window.measured.running = false;
    const sorted = (list: number[]): number[] => [...list].sort((a, b) => b - a);
    return { tasks: sorted(window.measured.tasks), frames: sorted(window.measured.frames.slice(1)) };
  });
