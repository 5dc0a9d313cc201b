// The layers of the prior: convolutions in integers, by the kernel. docs/FORMAT.md, "The network".

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("../weights/safetensors.js").Tensor} Tensor */

/**
 * Channels of tiles: values of a tile lie together, tiles are in raster order. Layers take values of 16 bits.
 * @typedef {{data: Int16Array, channels: number}} Channels
 */

const STRIP = 4096; // tiles whose inputs and sums are in the kernel's memory at once
const BLOCK = 8; // outputs that the kernel computes side by side

/** A convolution over the k x k tiles around, 0 outside the grid. */
export class Layer {
  /**
   * Takes a layer's arrays and packs its weights for the kernel.
   * @param {Kernel} kernel
   * @param {Tensor} weight int8 (outputs, inputs, k, k)
   * @param {Tensor} bias int32 (outputs,)
   * @param {Tensor} shift uint8 (outputs,)
   */
  constructor(kernel, weight, bias, shift) {
    const [outputs, inputs, side] = weight.shape;
    this.kernel = kernel;
    this.outputs = outputs;
    this.side = side;
    this.pairs = (inputs + 1) >> 1;
    this.blocks = Math.ceil(outputs / BLOCK);
    this.shift = shift.data;
    this.half = Int32Array.from(bias.data, (value, o) => value + ((1 << shift.data[o]) >> 1));
    this.tapBytes = 4 * BLOCK * this.blocks * this.pairs;
    this.weights = this.#pack(weight.data, inputs);
  }

  /**
   * Stores the weights by place, block of outputs, pair of inputs, output and input.
   * @param {ArrayLike<number>} weight
   * @param {number} inputs
   */
  #pack(weight, inputs) {
    const taps = this.side ** 2;
    const packed = new Int16Array((taps * this.tapBytes) / 2);
    for (let o = 0; o < this.outputs; o++) {
      const block = (o >> 3) * this.pairs * 2 * BLOCK + 2 * (o & 7);
      for (let i = 0; i < inputs; i++) {
        const at = block + (i >> 1) * 2 * BLOCK + (i & 1);
        const from = (o * inputs + i) * taps;
        for (let tap = 0; tap < taps; tap++) packed[(tap * this.tapBytes) / 2 + at] = weight[from + tap];
      }
    }
    return this.kernel.store(new Uint8Array(packed.buffer));
  }

  /**
   * Applies the layer to a grid of tiles: outputs by tile, requantised. They have a sign, and more than 16 bits.
   * @param {Channels[]} parts The inputs, one part after the other.
   * @param {number} rows
   * @param {number} columns
   */
  apply(parts, rows, columns) {
    const out = new Int32Array(rows * columns * this.outputs);
    const atOnce = Math.max(1, Math.floor(STRIP / columns));
    for (let top = 0; top < rows; top += atOnce) {
      this.#applyToStrip(parts, { top, n: Math.min(atOnce, rows - top), rows, columns }, out);
    }
    return out;
  }

  /**
   * @param {Channels[]} parts
   * @param {{top: number, n: number, rows: number, columns: number}} strip n rows of tiles from `top` on
   * @param {Int32Array} out Of the whole grid.
   */
  #applyToStrip(parts, strip, out) {
    const margin = this.side >> 1;
    const wide = strip.columns + 2 * margin;
    const stride = 4 * this.pairs;
    const inputBytes = ((strip.n + 2 * margin) * wide * stride + 15) & ~15;
    const rowBytes = 4 * BLOCK * this.blocks;
    const inputs = this.kernel.reserve(inputBytes + strip.n * strip.columns * rowBytes);
    const sums = inputs + inputBytes;
    new Uint8Array(this.kernel.memory.buffer, inputs, inputBytes + strip.n * strip.columns * rowBytes).fill(0);
    this.#copyInputs(parts, strip, inputs);
    for (let tap = 0; tap < this.side ** 2; tap++) {
      const weights = this.weights + tap * this.tapBytes;
      const [down, across] = [Math.floor(tap / this.side), tap % this.side];
      for (let r = 0; r < strip.n; r++) {
        const from = inputs + ((r + down) * wide + across) * stride;
        const to = sums + r * strip.columns * rowBytes;
        this.kernel.accumulate(from, stride, weights, this.pairs, to, strip.columns, this.blocks);
      }
    }
    this.#requantise(sums, strip.n * strip.columns, out, strip.top * strip.columns * this.outputs);
  }

  /**
   * Writes the inputs of a strip, with the tiles around it as far as there are any, into the kernel's memory.
   * @param {Channels[]} parts
   * @param {{top: number, n: number, rows: number, columns: number}} strip
   * @param {number} place
   */
  #copyInputs(parts, { top, n, rows, columns }, place) {
    const margin = this.side >> 1;
    const to = new Int16Array(this.kernel.memory.buffer, place);
    const stride = 2 * this.pairs;
    for (let r = Math.max(0, top - margin); r < Math.min(rows, top + n + margin); r++) {
      let at = ((r - top + margin) * (columns + 2 * margin) + margin) * stride;
      for (let tile = r * columns; tile < (r + 1) * columns; tile++, at += stride) {
        let channel = at;
        for (const { data, channels } of parts) {
          for (let from = tile * channels, end = from + channels; from < end; from++) to[channel++] = data[from];
        }
      }
    }
  }

  /**
   * @param {number} sums Their place.
   * @param {number} tiles
   * @param {Int32Array} out
   * @param {number} first Where the first output goes.
   */
  #requantise(sums, tiles, out, first) {
    const from = new Int32Array(this.kernel.memory.buffer, sums);
    const { outputs, half, shift } = this;
    for (let tile = 0; tile < tiles; tile++) {
      const row = tile * BLOCK * this.blocks;
      for (let o = 0; o < outputs; o++) out[first++] = (from[row + o] + half[o]) >> shift[o];
    }
  }
}
