// A texture on a picture. docs/FORMAT.md, "Texture".

import { normals } from "./normals.js";
import { emptyPicture, toByte } from "./pixels.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("./net.js").Net} Net */
/** @typedef {import("./pixels.js").Picture} Picture */

const BLOCK = 1024; // pixels on each side of a block
const RADIUS = 64; // pixels that the net sees each way
const FIRST_NOISE = 5; // the number of the map at a quarter of the picture's sides; the next is at half
const HATS = 8;
const N_INDICES = 793;

/** A texture with its net. */
export class Texture {
  /**
   * @param {Kernel} kernel
   * @param {Net} net
   * @param {number} channels Of the maps of noise.
   */
  constructor(kernel, net, channels) {
    this.kernel = kernel;
    this.net = net;
    this.channels = channels;
  }

  /**
   * Draws the texture of a picture, RGB of whole tiles: what is added at temperature 1, by pixel.
   * @param {Picture} picture
   * @param {number} stepIndex
   * @param {bigint} seed
   */
  async draw(picture, stepIndex, seed) {
    const texture = new Float32Array(picture.pixels.length);
    for (let top = 0; top < picture.height; top += BLOCK) {
      for (let left = 0; left < picture.width; left += BLOCK) {
        const outer = { top: Math.max(0, top - RADIUS), left: Math.max(0, left - RADIUS), rows: 0, columns: 0 };
        outer.rows = Math.min(picture.height, top + BLOCK + RADIUS) - outer.top;
        outer.columns = Math.min(picture.width, left + BLOCK + RADIUS) - outer.left;
        const planes = await this.net.run(this.#inputs(picture, outer, stepIndex, seed));
        putInner(planes, outer, { top, left }, texture, picture);
      }
    }
    return texture;
  }

  /**
   * @param {Picture} picture
   * @param {import("./dequantise.js").Window} outer
   * @param {number} stepIndex
   * @param {bigint} seed
   */
  #inputs(picture, outer, stepIndex, seed) {
    const { rows, columns } = outer;
    const noise = (/** @type {number} */ fold, /** @type {number} */ number) => {
      const part = { top: outer.top / fold, left: outer.left / fold, rows: rows / fold, columns: columns / fold };
      const latent = { seed, number, channels: this.channels };
      const data = normals(this.kernel, latent, { ...part, wholeColumns: picture.width / fold }, 1);
      return { data, shape: [1, this.channels, part.rows, part.columns] };
    };
    return {
      picture: { data: planesOf(picture, outer), shape: [1, 3, rows, columns] },
      rate: { data: hats(stepIndex), shape: [1, HATS] },
      noise4: noise(4, FIRST_NOISE),
      noise2: noise(2, FIRST_NOISE + 1),
    };
  }
}

/**
 * Returns a picture with so much of its texture.
 * @param {Picture} picture
 * @param {Float32Array} texture
 * @param {number} temperature
 */
export function addTexture(picture, texture, temperature) {
  const out = emptyPicture(picture.height, picture.width, 3);
  const factor = Math.fround(temperature);
  for (let i = 0; i < texture.length; i++) {
    out.pixels[i] = toByte(Math.fround(picture.pixels[i] + Math.fround(factor * texture[i])));
  }
  return out;
}

/**
 * The features of a rate, piecewise linear in the step index.
 * @param {number} stepIndex
 */
function hats(stepIndex) {
  const position = Math.fround(stepIndex / (N_INDICES - 1)) * (HATS - 1);
  return Float32Array.from({ length: HATS }, (_, hat) => Math.max(0, 1 - Math.abs(position - hat)));
}

/**
 * The channels of a part of a picture, one after the other.
 * @param {Picture} picture
 * @param {import("./dequantise.js").Window} window
 */
function planesOf(picture, { top, left, rows, columns }) {
  const planes = new Float32Array(3 * rows * columns);
  for (let r = 0, i = 0; r < rows; r++) {
    let from = 3 * ((top + r) * picture.width + left);
    for (let c = 0; c < columns; c++, i++) {
      for (let channel = 0; channel < 3; channel++) planes[channel * rows * columns + i] = picture.pixels[from++];
    }
  }
  return planes;
}

/**
 * Writes the inner part of a block's planes into the whole picture's, by pixel.
 * @param {Float32Array} planes
 * @param {import("./dequantise.js").Window} outer
 * @param {{top: number, left: number}} inner
 * @param {Float32Array} texture
 * @param {Picture} picture
 */
function putInner(planes, outer, { top, left }, texture, picture) {
  const [bottom, right] = [Math.min(top + BLOCK, picture.height), Math.min(left + BLOCK, picture.width)];
  for (let r = top; r < bottom; r++) {
    let to = 3 * (r * picture.width + left);
    for (let c = left; c < right; c++) {
      const from = (r - outer.top) * outer.columns + c - outer.left;
      for (let channel = 0; channel < 3; channel++) texture[to++] = planes[channel * outer.rows * outer.columns + from];
    }
  }
}
