/** The browser that the set-up found (CHROME), or Debian's. */
export const CHROME = process.env["CHROME"] ?? "/usr/bin/chromium";
