// The entropy coder in nothing but BigInt, word for word from docs/FORMAT.md.

const WORD = 32n;
const TOP = 1n << 64n;

/** Decodes as the page of the format has it. */
export class ReferenceDecoder {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.words = 0;
    this.range = TOP - 1n;
    this.offset = (this.#word() << WORD) | this.#word();
  }

  #word() {
    const at = 4 * this.words++;
    return [3, 2, 1, 0].reduce((word, i) => (word << 8n) | BigInt(this.data[at + i] ?? 0), 0n);
  }

  /** @param {ArrayLike<number>} starts */
  decode(starts) {
    const unit = this.range >> 24n;
    const place = this.offset / unit;
    if (place >= 1n << 24n) throw new Error("refused");
    let entry = 0;
    while (BigInt(starts[entry + 1]) <= place) entry++;
    this.offset -= unit * BigInt(starts[entry]);
    this.range = unit * BigInt(starts[entry + 1] - starts[entry]);
    if (this.range < 1n << WORD) {
      this.range <<= WORD;
      this.offset = (this.offset << WORD) | this.#word();
    }
    return entry;
  }

  exhausted() {
    return this.offset < (1n << 33n) - 1n && this.words > Math.ceil(this.data.length / 4);
  }
}

/** The inverse; `low` is one long integer, so that a carry needs no words. */
export class ReferenceEncoder {
  low = 0n;
  range = TOP - 1n;
  words = 0;

  /**
   * @param {number} entry
   * @param {ArrayLike<number>} starts
   */
  encode(entry, starts) {
    const unit = this.range >> 24n;
    this.low += unit * BigInt(starts[entry]);
    this.range = unit * BigInt(starts[entry + 1] - starts[entry]);
    if (this.range < 1n << WORD) {
      this.low <<= WORD;
      this.range <<= WORD;
      this.words++;
    }
  }

  bytes() {
    let number = (this.low + (1n << WORD) - 1n) >> WORD;
    const bytes = new Uint8Array(4 * (this.words + 1));
    for (let word = this.words; word >= 0; word--, number >>= WORD) {
      for (let i = 0; i < 4; i++) bytes[4 * word + i] = Number((number >> BigInt(8 * i)) & 255n);
    }
    let end = bytes.length;
    while (end && !bytes[end - 1]) end--;
    return bytes.slice(0, end);
  }
}
