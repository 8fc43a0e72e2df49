/**
 * Addresses without what may be a secret: the query (a signature, a token), the fragment, and a name and password before
 * the host. Whatever is shown or kept, errors, warnings, progress, `info` and the cache's records, shows addresses this way.
 */

const CREDENTIALS = /(^|:)\/\/[^/?#\s]*@/g;
/**
 * An address in a text, up to its query, and what follows. It ends at what no address has unescaped: quotes and backticks
 * may be inside one.
 */
const ADDRESS = /[a-z][a-z\d+.-]{0,30}:\/\/[^\s"<>]*/gi;
/** The end of a quotation, with which the match of a quoted address ends. */
const QUOTED = /['`][.,:;!)\]]*$/;
/** A line and a column, with which the addresses of a stack end. */
const POSITION = /(?::\d+){1,2}\)?$/;

/** An address, absolute or relative, without its secrets. */
export const withoutSecrets = (address: string): string => address.replace(/[?#].*$/s, "").replace(CREDENTIALS, "$1//");

/** A text with its absolute addresses as {@link withoutSecrets} shows them, and what ends them though it is behind a query. */
const shown = (text: string, end: RegExp): string =>
  text.replace(ADDRESS, (address) => withoutSecrets(address) + (/[?#]/.test(address) ? (end.exec(address)?.[0] ?? "") : ""));

/** A text in which absolute addresses may be, without their secrets. */
export const redacted = (text: string): string => shown(text, QUOTED);

/** The stack of an error with this message, likewise; its lines and columns stay. */
export const redactedStack = (stack: string, message: string): string =>
  shown(
    stack.replace(message, () => redacted(message)),
    POSITION,
  );
