/**
 * Addresses without what may be a secret: the query (a signature, a token), the fragment, and a name and password before
 * the host. Whatever is shown or kept, errors, warnings, progress, `info` and the cache's records, shows addresses this way.
 */

const CREDENTIALS = /^([a-z][a-z\d+.-]*:\/\/)[^/?#\s]*@/i;
/** An address in a text, up to its query, and what follows. */
const ADDRESS = /([a-z][a-z\d+.-]{0,30}:\/\/[^\s?#"'`<>]*)([?#][^\s"'`<>]*)?/gi;
/** A line and a column, with which the addresses of a stack end. */
const POSITION = /(?::\d+){1,2}\)?$/;

/** An address, absolute or relative, without its secrets. */
export const withoutSecrets = (address: string): string => address.replace(/[?#].*$/s, "").replace(CREDENTIALS, "$1");

/** A text in which absolute addresses may be, without their secrets. */
export const redacted = (text: string): string => text.replace(ADDRESS, withoutSecrets);

/** The stack of an error with this message, likewise; its lines and columns stay. */
export const redactedStack = (stack: string, message: string): string =>
  stack
    .replace(message, () => redacted(message))
    .replace(ADDRESS, (address) => withoutSecrets(address) + (/[?#]/.test(address) ? (POSITION.exec(address)?.[0] ?? "") : ""));
