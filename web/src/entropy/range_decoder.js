// The range decoder of a stream. docs/FORMAT.md, "The entropy coder"; its arithmetic is in `kernel.wat`.

import { CorruptFile } from "../format/errors.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("./tables.js").Table} Table */

const WORD = 0, N_WORDS = 1, WORDS = 2; // of the state, after range and offset, u32 each
const LARGEST_OFFSET = 2n ** 33n - 1n;

/** Reads one stream, entry by entry in the order in which they were written. */
export class RangeDecoder {
  /**
   * @param {Kernel} kernel
   * @param {Uint8Array} data
   */
  constructor(kernel, data) {
    if (data.length && data[data.length - 1] === 0) {
      throw new CorruptFile(
        "a stream ends in a zero byte, which no encoder writes; the file was made by something else",
      );
    }
    this.kernel = kernel;
    const padded = new Uint8Array(Math.max(8, (data.length + 3) & ~3));
    padded.set(data);
    const words = kernel.store(padded);
    this.state = kernel.allocate(32);
    const view = new DataView(padded.buffer);
    const wide = new BigUint64Array(kernel.memory.buffer, this.state, 2);
    wide[0] = 2n ** 64n - 1n;
    wide[1] = (BigInt(view.getUint32(0, true)) << 32n) | BigInt(view.getUint32(4, true));
    const state = this.#words();
    state[WORD] = 2;
    state[N_WORDS] = (data.length + 3) >> 2;
    state[WORDS] = words;
  }

  /**
   * Returns the next `count` entries of a table; they hold until the kernel is used again.
   * @param {Table} table
   * @param {number} count
   */
  read(table, count) {
    const out = this.kernel.reserve(4 * count);
    if (this.kernel.decode(this.state, table.place, table.entries, out, count)) {
      throw new CorruptFile("a stream holds data that no encoder writes; the file was made by something else");
    }
    return new Int32Array(this.kernel.memory.buffer, out, count);
  }

  /** Refuses a stream that goes on after all that was read of it. */
  checkExhausted() {
    const state = this.#words();
    const offset = new BigUint64Array(this.kernel.memory.buffer, this.state, 2)[1];
    if (state[WORD] <= state[N_WORDS] || offset >= LARGEST_OFFSET) {
      throw new CorruptFile("a stream goes on after its last symbol; the file was made by something else");
    }
  }

  #words() {
    return new Uint32Array(this.kernel.memory.buffer, this.state + 16, 3);
  }
}
