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

/** An address's scheme, its slashes (browsers take any number of either kind for the two), and the rest. */
const PARTS = /^(\s*(?:[a-z][a-z\d+.-]*:)?)([\\/\s]*)(.*)$/is;
const NETWORK = /^\s*(https?|wss?|ftp):$/i;
const FILE = /^\s*file:$/i;
/** A host, and perhaps a port. What has something else behind its colon was a name, and a password with a `/`, a `?` or a `#` in it follows. */
const HOST = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/;

/** An address without a name and password before its host, however they are written. */
function withoutCredentials(address: string): string {
  const [, scheme = "", slashes = "", rest = ""] = PARTS.exec(address) ?? [];
  if (FILE.test(scheme) || (slashes.length < 2 && !NETWORK.test(scheme))) return address;
  const authority = rest.replace(/[\\/?#].*$/s, "");
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return scheme + slashes + rest.slice((HOST.test(host) ? authority : rest).lastIndexOf("@") + 1);
}

/** An address, absolute or relative, without its secrets. */
export const withoutSecrets = (address: string): string =>
  withoutCredentials(address).replace(/[?#].*$/s, "").replace(CREDENTIALS, "$1//");

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
