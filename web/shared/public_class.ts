/** What classes of the public API have in common: they live behind others' proxies, and are disposed of by `using`. */

/// <reference lib="esnext.disposable" />

/**
 * Binds an object's methods and getters to it. Called with a Proxy around the object (Vue's, MobX's) as `this` they would not
 * find its private fields.
 */
export function bindToSelf(self: object): void {
  const prototype = Object.getPrototypeOf(self) as object;
  for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === "constructor") continue;
    if (typeof value === "function") Object.defineProperty(self, name, { value: value.bind(self) as unknown, writable: true, configurable: true });
    else if (get) Object.defineProperty(self, name, { get: get.bind(self), configurable: true });
  }
}

/**
 * Gives a class a tag of its own, by which Vue leaves its objects alone, and what `using` and `await using` call: where the browser
 * has no symbols for that, those of the registry, which compilers ask for then.
 */
export function publish(definition: { readonly prototype: { close(): void } }, tag: string): void {
  const hidden = (name: symbol, value: unknown) => Object.defineProperty(definition.prototype, name, { value, configurable: true });
  hidden(Symbol.toStringTag, tag);
  hidden(Symbol.dispose ?? Symbol.for("Symbol.dispose"), function (this: { close(): void }) {
    this.close();
  });
  hidden(Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose"), async function (this: { close(): void }) {
    this.close();
  });
}
