/** A cache that tells a bus itself what it invalidates, in the step that does it where its server can. */
export interface PublishingCache {
  /**
   * The bus that is told of everything this cache removes, expires and clears, by key, tag and prefix; `undefined` if none
   * is. Whoever writes through this cache need not tell that bus again.
   */
  readonly publishesTo: { readonly origin: string } | undefined;
}
