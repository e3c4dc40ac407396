/** An amount in the smallest unit of a currency. */
export class Price {
  readonly amount: bigint;
  readonly currency: string;

  /** @throws RangeError for what is no code of a currency, and beyond 64 bits */
  constructor(amount: bigint, currency: string) {
    if (BigInt.asIntN(64, amount) !== amount) throw new RangeError('The amount has more than 64 bits.');
    if (!/^[A-Z]{3}$/.test(currency)) throw new RangeError('A currency has three letters, such as EUR.');
    this.amount = amount;
    this.currency = currency;
  }
}
