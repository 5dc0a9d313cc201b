// The door to `kernel.wat`: one memory, what lies in it for good, and what lies there for a while.

const PAGE = 65536;

/** @typedef {(inputs: number, stride: number, weights: number, pairs: number, sums: number, rows: number,
 *   blocks: number) => void} Accumulate */
/** @typedef {(state: number, starts: number, entries: number, out: number, count: number) => number} Decode */
/** @typedef {(seed: bigint, number: bigint, block: bigint, out: number, count: number) => void} Uniforms */

/** WebAssembly with its memory. Places in the memory are offsets in bytes, multiples of 16. */
export class Kernel {
  /** @param {WebAssembly.Exports} exports */
  constructor(exports) {
    this.memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    this.accumulate = /** @type {Accumulate} */ (exports.accumulate);
    this.decode = /** @type {Decode} */ (exports.decode);
    this.uniforms = /** @type {Uniforms} */ (exports.uniforms);
    /** Where free memory begins; whoever needs some for a while lowers it again. */
    this.top = 16;
  }

  /**
   * Starts the kernel.
   * @param {Uint8Array} bytes The assembled module.
   */
  static async start(bytes) {
    const { instance } = await WebAssembly.instantiate(/** @type {BufferSource} */ (bytes), {});
    return new Kernel(instance.exports);
  }

  /**
   * Takes memory, as long as `top` is not lowered again, and returns its place.
   * @param {number} nBytes
   */
  allocate(nBytes) {
    const place = this.top;
    this.top = (place + nBytes + 15) & ~15;
    this.reserve(0);
    return place;
  }

  /**
   * Makes sure that so many bytes are free above `top`, and returns `top`. What lies there holds until the next call.
   * @param {number} nBytes
   */
  reserve(nBytes) {
    const missing = this.top + nBytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return this.top;
  }

  /**
   * Copies integers into memory for good and returns their place.
   * @param {Uint32Array | Uint8Array} values
   */
  store(values) {
    const place = this.allocate(values.byteLength);
    new Uint8Array(this.memory.buffer, place).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return place;
  }
}
