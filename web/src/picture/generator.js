// The generator's picture of a context, block by block, each with as much around it as the net sees.

import { offsetsOf } from "../prior/adaptation.js";
import { TILE } from "../prior/layout.js";
import { dequantise, shapesOf } from "./dequantise.js";
import { normals } from "./normals.js";
import { emptyPicture, putFloats, putRounded } from "./pixels.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("../prior/slices.js").Context} Context */
/** @typedef {import("./dequantise.js").Steps} Steps */
/** @typedef {import("./dequantise.js").Window} Window */
/** @typedef {import("./net.js").Net} Net */
/** @typedef {import("./net.js").Input} Input */

/**
 * How latents are drawn: mean + temperature * sigma * n, n a normal number of the place under `seed`.
 * @typedef {{temperature: number, seed: bigint}} Draws
 */

const BLOCK = 32; // tiles on each side of a block
const HALO = 5; // tiles around it: 160 pixels, as far as the net sees

/** A generator with its net. basis: the directions in its offsets that files name, (directions, offsets). */
export class Generator {
  /**
   * @param {Kernel} kernel
   * @param {Net} net
   * @param {import("../weights/bundle.js").GeneratorEntry} entry
   * @param {Float32Array} basis
   */
  constructor(kernel, net, entry, basis) {
    this.kernel = kernel;
    this.net = net;
    this.latents = entry.latents ?? [];
    this.nOffsets = entry.offsets ?? 0;
    this.basis = basis;
  }

  /**
   * Draws a context: RGB of whole tiles.
   * @param {Context} context
   * @param {Steps} steps
   * @param {Draws | null} draws Null takes the latents' means.
   */
  async render(context, steps, draws) {
    const picture = emptyPicture(context.rows * TILE, context.columns * TILE, 3);
    for await (const { planes, part, to } of this.#blocks(context, steps, draws)) putRounded(planes, part, picture, to);
    return picture;
  }

  /**
   * Draws the same, unrounded.
   * @param {Context} context
   * @param {Steps} steps
   * @param {Draws | null} draws
   */
  async renderFloats(context, steps, draws) {
    const [height, width] = [context.rows * TILE, context.columns * TILE];
    const picture = { pixels: new Float32Array(3 * height * width), height, width };
    for await (const { planes, part, to } of this.#blocks(context, steps, draws)) putFloats(planes, part, picture, to);
    return picture;
  }

  /**
   * Gives the planes of one block after the other, and which part of them belongs where in the picture.
   * @param {Context} context
   * @param {Steps} steps
   * @param {Draws | null} draws
   */
  async *#blocks(context, steps, draws) {
    for (let top = 0; top < context.rows; top += BLOCK) {
      for (let left = 0; left < context.columns; left += BLOCK) {
        const inner = {
          top,
          left,
          rows: Math.min(BLOCK, context.rows - top),
          columns: Math.min(BLOCK, context.columns - left),
        };
        const outer = widened(inner, context);
        const planes = await this.net.run(this.#inputs(context, outer, steps, draws));
        const part = {
          height: outer.rows * TILE,
          width: outer.columns * TILE,
          top: (top - outer.top) * TILE,
          left: (left - outer.left) * TILE,
          rows: inner.rows * TILE,
          columns: inner.columns * TILE,
        };
        yield { planes, part, to: { top: top * TILE, left: left * TILE } };
      }
    }
  }

  /**
   * @param {Context} context
   * @param {Window} outer
   * @param {Steps} steps
   * @param {Draws | null} draws
   */
  #inputs(context, outer, steps, draws) {
    const [height, width] = [outer.rows * TILE, outer.columns * TILE];
    const shapes = BigInt64Array.from(shapesOf(context, outer), BigInt);
    /** @type {Record<string, Input>} */
    const inputs = {
      dequantised: { data: dequantise(context, outer, steps, TILE), shape: [1, 3, height, width] },
      shapes: { data: shapes, shape: [1, 2, 2 * outer.rows, 2 * outer.columns] },
      step_index: { data: BigInt64Array.of(BigInt(context.stepIndex)), shape: [1] },
      offsets: { data: offsetsOf(context.adaptation, this.basis, this.nOffsets), shape: [1, this.nOffsets] },
    };
    this.latents.forEach(({ fold, channels }, number) => {
      const part = {
        top: (outer.top * TILE) / fold,
        left: (outer.left * TILE) / fold,
        rows: height / fold,
        columns: width / fold,
        wholeColumns: (context.columns * TILE) / fold,
      };
      const data = draws
        ? normals(this.kernel, { seed: draws.seed, number, channels }, part, Math.fround(draws.temperature))
        : new Float32Array(channels * part.rows * part.columns);
      inputs[`noise${number}`] = { data, shape: [1, channels, part.rows, part.columns] };
    });
    return inputs;
  }
}

/**
 * Returns a window with what is around it, as far as there are tiles.
 * @param {Window} window
 * @param {Context} context
 */
function widened({ top, left, rows, columns }, context) {
  const outer = { top: Math.max(0, top - HALO), left: Math.max(0, left - HALO), rows: 0, columns: 0 };
  outer.rows = Math.min(context.rows, top + rows + HALO) - outer.top;
  outer.columns = Math.min(context.columns, left + columns + HALO) - outer.left;
  return outer;
}
