// The picture of a context by a generator, at a temperature. What another temperature or seed needs again is kept.

import { blend, drawSample } from "./perceptual.js";
import { addTexture } from "./texture.js";

/** @typedef {import("../prior/slices.js").Context} Context */
/** @typedef {import("../weights/generators.js").Drawing} Drawing */
/** @typedef {import("./dequantise.js").Steps} Steps */
/** @typedef {import("./pixels.js").FloatPicture} FloatPicture */
/** @typedef {import("./pixels.js").Picture} Picture */

/** Draws one context with one drawing. */
export class Drawer {
  /**
   * @param {Drawing} drawing
   * @param {Context} context
   * @param {Steps} steps
   */
  constructor(drawing, context, steps) {
    this.drawing = drawing;
    this.context = context;
    this.steps = steps;
    /** @type {Picture | null} At temperature 0. */
    this.smooth = null;
    /** @type {FloatPicture | null} The same, unrounded. */
    this.mean = null;
    /** @type {{seed: bigint, texture: Float32Array} | null} The last one. */
    this.textured = null;
    /** @type {{seed: bigint, picture: FloatPicture} | null} The last one. */
    this.sample = null;
  }

  /**
   * Returns RGB of whole tiles.
   *
   * Above temperature 0 the perceptual generator draws if there is one, else the texture is drawn, else the latents.
   * @param {number} temperature
   * @param {bigint} seed
   */
  async draw(temperature, seed) {
    const { generator, texture, perceptual } = this.drawing;
    if (temperature && perceptual) return this.#between(perceptual, temperature, seed);
    if (temperature && !texture) return generator.render(this.context, this.steps, { temperature, seed });
    this.smooth ??= await generator.render(this.context, this.steps, null);
    if (!temperature || !texture) return this.smooth;
    if (this.textured?.seed !== seed) {
      this.textured = { seed, texture: await texture.draw(this.smooth, this.context.stepIndex, seed) };
    }
    return addTexture(this.smooth, this.textured.texture, temperature);
  }

  /**
   * @param {import("./generator.js").Generator} perceptual
   * @param {number} temperature
   * @param {bigint} seed
   */
  async #between(perceptual, temperature, seed) {
    if (this.sample?.seed !== seed) {
      this.sample = { seed, picture: await drawSample(perceptual, this.context, this.steps, seed) };
    }
    this.mean ??= await this.drawing.generator.renderFloats(this.context, this.steps, null);
    return blend(this.mean, this.sample.picture, temperature);
  }
}
